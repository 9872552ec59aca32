"""Triton kernels for a few tokens of each row on a CUDA device, where a pass costs what its launches and the reading of
its weights cost: five launches a layer. `Step` chooses them; the plain twin of all of them is `Decoder.forward`.

`mapped` is linear maps of one input with what stands before them (the norm) and behind them (gate, addition);
`attended` is all between the joined map and the output map: head norms, rotation, the cache, attention.
"""

# The types of Triton's language are not described.
# pyright: reportMissingImports=false, reportIndexIssue=false

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from calame.model.cache import LayerCache

PLAIN, RMS, LAYER = 0, 1, 2  # what is done to the input of `mapped`
NOTHING, GELU, GATED = 0, 1, 2  # what is done to its output
TILE = 8192  # bytes of keys of half a head's length that a program looks at together
CARD = 132  # programs that fill a large card
LONG, SPLITS = 512, 8  # see `_splits`


@triton.jit
def _moments(x, here, column, mean, spread, epsilon, WIDTH: tl.constexpr, DEPTH: tl.constexpr):
    """Of each token: its mean, and one by its standard deviation. x: where its columns begin; mean, spread: zeros."""
    for depth in range(0, WIDTH, DEPTH):
        mean += tl.sum(tl.load(x + depth, here & (depth + column < WIDTH), 0.0).to(tl.float32), 1)
    mean = mean / WIDTH
    for depth in range(0, WIDTH, DEPTH):
        inside = here & (depth + column < WIDTH)
        far = tl.load(x + depth, inside, 0.0).to(tl.float32) - mean[:, None]
        spread += tl.sum(tl.where(inside, far * far, 0.0), 1)
    return mean, tl.rsqrt(spread / WIDTH + epsilon)


@triton.jit
def _mapped(
    x, gain, shift, weight_1, weight_2, weight_3, bias_1, bias_2, bias_3, added, out,
    tokens, rows_1, rows_2, rows_3, epsilon,
    WIDTH: tl.constexpr, NORM: tl.constexpr, BIASED: tl.constexpr, ADDED: tl.constexpr, BEHIND: tl.constexpr,
    TOKENS: tl.constexpr, ROWS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """TOKENS tokens through ROWS rows of one of the maps, DEPTH columns at a time."""
    block, outputs, start = tl.program_id(0), rows_1 + rows_2 + rows_3, 0
    weight, bias, rows = weight_1, bias_1, rows_1
    if BEHIND == 2:  # both maps by the same program
        outputs = rows_1
    else:
        blocks_1, blocks_2 = tl.cdiv(rows_1, ROWS), tl.cdiv(rows_2, ROWS)
        if block >= blocks_1 + blocks_2:
            weight, bias, rows = weight_3, bias_3, rows_3
            block, start = block - blocks_1 - blocks_2, rows_1 + rows_2
        elif block >= blocks_1:
            weight, bias, rows = weight_2, bias_2, rows_2
            block, start = block - blocks_1, rows_1
    token = tl.program_id(1).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)
    row = block * ROWS + tl.arange(0, ROWS)
    here, there = token[:, None] < tokens, row[:, None] < rows
    from_x, from_row = token[:, None] * WIDTH, row[:, None].to(tl.int64) * WIDTH
    column = tl.arange(0, DEPTH)[None]
    mean, spread = tl.zeros((TOKENS,), tl.float32), tl.zeros((TOKENS,), tl.float32)
    if NORM == 2:
        mean, spread = _moments(x + from_x + column, here, column, mean, spread, epsilon, WIDTH, DEPTH)
    if TOKENS == 1:  # products of a matrix and a vector: no tile to fill
        sums, gates = tl.zeros((ROWS, DEPTH), tl.float32), tl.zeros((ROWS, DEPTH), tl.float32)
    else:
        sums, gates = tl.zeros((TOKENS, ROWS), tl.float32), tl.zeros((TOKENS, ROWS), tl.float32)
    for depth in range(0, WIDTH, DEPTH):
        inside = depth + column < WIDTH
        part = tl.load(x + from_x + depth + column, here & inside, 0.0).to(tl.float32)
        if NORM == 1:
            spread += tl.sum(part * part, 1)
            part = part * tl.load(gain + depth + column, inside, 0.0).to(tl.float32)
        if NORM == 2:
            part = (part - mean[:, None]) * spread[:, None] * tl.load(gain + depth + column, inside, 0.0).to(tl.float32)
            part = part + tl.load(shift + depth + column, inside, 0.0).to(tl.float32)
        tile = tl.load(weight + from_row + depth + column, there & inside, 0.0)
        # By one token as well: it says the same alone and beside others, but for the order of sums.
        narrow = part.to(tile.dtype)
        if TOKENS == 1:
            part = narrow.to(tl.float32)
            sums += tile.to(tl.float32) * part
            if BEHIND == 2:
                gates += tl.load(weight_2 + from_row + depth + column, there & inside, 0.0).to(tl.float32) * part
        else:
            sums = tl.dot(narrow, tl.trans(tile), sums, input_precision="ieee")
            if BEHIND == 2:
                other = tl.load(weight_2 + from_row + depth + column, there & inside, 0.0)
                gates = tl.dot(narrow, tl.trans(other), gates, input_precision="ieee")
    if TOKENS == 1:
        result, gate = tl.sum(sums, 1)[None], tl.sum(gates, 1)[None]
    else:
        result, gate = sums, gates
    if NORM == 1:
        scale = tl.rsqrt(spread / WIDTH + epsilon)[:, None]
        result, gate = result * scale, gate * scale
    if BIASED:
        result += tl.load(bias + row, row < rows, 0.0).to(tl.float32)[None]
    if BEHIND == 1:  # GELU by its tanh, which is 2 sigmoid(2 .) - 1
        result = result * tl.sigmoid(1.5957691216057308 * (result + 0.044715 * result * result * result))
    if BEHIND == 2:
        result = result * tl.sigmoid(result) * gate
    place = token[:, None] * outputs + start + row[None]
    inside = here & (row[None] < rows)
    if ADDED:
        result += tl.load(added + place, inside, 0.0).to(tl.float32)
    tl.store(out + place, result, inside)


def mapped(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor] | None = None,
    norm: tuple[int, Tensor, Tensor, float] | None = None,
    behind: int = NOTHING,
    added: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Up to three linear maps of the normed x, side by side; or with GATED silu(the first) * the second.

    x: (tokens, width), contiguous; weights: (rows, width) each; norm: RMS or LAYER with gain, shift and epsilon;
    behind: NOTHING, GELU or GATED; added: (tokens, outputs), to what comes out. Returns (tokens, outputs) in dtype."""
    (tokens, width), fill = x.shape, [weights[0]] * 3  # what stands in the places of what is not there
    kind, gain, shift, epsilon = norm or (PLAIN, x, x, 0.0)
    rows = ([weight.shape[0] for weight in weights] + [0, 0])[:3]
    outputs = rows[0] if behind == GATED else sum(rows)
    at_once, tile, depth = _sizes(tokens, width, outputs, x.dtype)
    blocks = sum(triton.cdiv(number, tile) for number in (rows[:1] if behind == GATED else rows))
    out = torch.empty(tokens, outputs, dtype=dtype or x.dtype, device=x.device)
    _mapped[(blocks, triton.cdiv(tokens, at_once))](
        x, gain, shift, *[*weights, *fill][:3], *[*(biases or ()), *fill][:3], x if added is None else added, out,
        tokens, *rows, epsilon,
        WIDTH=width, NORM=kind, BIASED=biases is not None, ADDED=added is not None, BEHIND=behind,
        TOKENS=at_once, ROWS=tile, DEPTH=depth, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out


def _sizes(tokens: int, width: int, outputs: int, dtype: torch.dtype) -> tuple[int, int, int]:
    """Tokens, rows and columns of a program. One token: few rows, so that there are programs for a whole card, and many
    columns, so that each has many bytes on their way. More: tiles of about the least size that tensor cores take."""
    whole = triton.next_power_of_2(width)
    if tokens == 1:
        return 1, 4, min(whole, 1024)
    at_once = min(64, max(16, triton.next_power_of_2(tokens)))
    depth = 32 if dtype == torch.float32 else 256 if at_once == 16 else 128
    return at_once, 16 if outputs < CARD * 32 or dtype == torch.float32 else 32, max(16, min(whole, depth))


@triton.jit
def _head(start, gain, cos, sin, place, pair, inside, epsilon, PAIRS: tl.constexpr, NORMED: tl.constexpr,
          TURNED: tl.constexpr):  # fmt: skip
    """Both halves of a head's vector, normed and turned, as the type of the model has them."""
    first, second = tl.load(start + pair, inside, 0.0), tl.load(start + PAIRS + pair, inside, 0.0)
    kind = first.dtype
    a, b = first.to(tl.float32), second.to(tl.float32)
    if NORMED:
        size = tl.rsqrt((tl.sum(a * a) + tl.sum(b * b)) / (2 * PAIRS) + epsilon)
        a = a * size * tl.load(gain + pair, inside, 0.0).to(tl.float32)
        b = b * size * tl.load(gain + PAIRS + pair, inside, 0.0).to(tl.float32)
    if TURNED:
        c, s = tl.load(cos + place * PAIRS + pair, inside, 0.0), tl.load(sin + place * PAIRS + pair, inside, 0.0)
        a, b = a * c - b * s, b * c + a * s
    return a.to(kind), b.to(kind)


@triton.jit
def _attended(
    whole, positions, keys, values, cos, sin, query_gain, key_gain, out, sums,
    heads, groups, row_stride, group_stride, epsilon, scale,
    TIME: tl.constexpr, PAIRS: tl.constexpr, WIDE: tl.constexpr, NORMED: tl.constexpr, TURNED: tl.constexpr,
    KEYS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """One head of one token: over a part of the cache that stood there before the pass, and, the last part's program,
    over the pass's own tokens. The first head of each group keeps the token's key and value."""
    head, split = tl.program_id(0), tl.program_id(2)
    token = tl.program_id(1).to(tl.int64)
    row, number, group = token // TIME, token % TIME, head // (heads // groups)
    pair = tl.arange(0, WIDE)
    inside, size = pair < PAIRS, (heads + 2 * groups) * 2 * PAIRS
    place, begin = tl.load(positions + token), tl.load(positions + row * TIME)
    q1, q2 = _head(whole + token * size + head * 2 * PAIRS, query_gain, cos, sin, place, pair, inside, epsilon,
                   PAIRS, NORMED, TURNED)  # fmt: skip
    a, b = q1.to(tl.float32) * scale, q2.to(tl.float32) * scale
    base = row * row_stride + group.to(tl.int64) * group_stride
    most, total = float("-inf"), 0.0
    first, second = tl.zeros((WIDE,), tl.float32), tl.zeros((WIDE,), tl.float32)
    share = tl.cdiv(tl.cdiv(begin, KEYS), SPLITS) * KEYS
    for key in range(split * share, tl.minimum(begin, (split + 1) * share), KEYS):
        at = key + tl.arange(0, KEYS)
        there, known = base + at[:, None] * 2 * PAIRS + pair[None], (at[:, None] < begin) & inside[None]
        k1, k2 = tl.load(keys + there, known, 0.0), tl.load(keys + there + PAIRS, known, 0.0)
        v1, v2 = tl.load(values + there, known, 0.0), tl.load(values + there + PAIRS, known, 0.0)
        score = tl.sum(k1.to(tl.float32) * a[None] + k2.to(tl.float32) * b[None], 1)
        score = tl.where(at < begin, score, float("-inf"))
        higher = tl.maximum(most, tl.max(score))
        weight, fade = tl.exp(score - higher), tl.exp(most - higher)
        total = total * fade + tl.sum(weight)
        first = first * fade + tl.sum(weight[:, None] * v1.to(tl.float32), 0)
        second = second * fade + tl.sum(weight[:, None] * v2.to(tl.float32), 0)
        most = higher
    if split == SPLITS - 1:
        for other in range(0, number + 1):
            start = whole + (row * TIME + other) * size + (heads + group) * 2 * PAIRS
            k1, k2 = _head(start, key_gain, cos, sin, tl.load(positions + row * TIME + other), pair, inside, epsilon,
                           PAIRS, NORMED, TURNED)  # fmt: skip
            v1 = tl.load(start + groups * 2 * PAIRS + pair, inside, 0.0)
            v2 = tl.load(start + groups * 2 * PAIRS + PAIRS + pair, inside, 0.0)
            score = tl.sum(k1.to(tl.float32) * a + k2.to(tl.float32) * b)
            higher = tl.maximum(most, score)
            weight, fade = tl.exp(score - higher), tl.exp(most - higher)
            total = total * fade + weight
            first = first * fade + weight * v1.to(tl.float32)
            second = second * fade + weight * v2.to(tl.float32)
            most = higher
            if (other == number) & (head % (heads // groups) == 0):
                there = base + place * 2 * PAIRS + pair
                tl.store(keys + there, k1, inside)
                tl.store(keys + there + PAIRS, k2, inside)
                tl.store(values + there, v1, inside)
                tl.store(values + there + PAIRS, v2, inside)
    if SPLITS == 1:
        here = out + (token * heads + head) * 2 * PAIRS + pair
        tl.store(here, first / total, inside)
        tl.store(here + PAIRS, second / total, inside)
    else:
        part = (token * heads + head) * SPLITS + split
        tl.store(sums + part * (2 * PAIRS + 2) + pair, first, inside)
        tl.store(sums + part * (2 * PAIRS + 2) + PAIRS + pair, second, inside)
        tl.store(sums + part * (2 * PAIRS + 2) + 2 * PAIRS, most)
        tl.store(sums + part * (2 * PAIRS + 2) + 2 * PAIRS + 1, total)


@triton.jit
def _joined(sums, out, SIZE: tl.constexpr, WIDE: tl.constexpr, SPLITS: tl.constexpr):
    """What the parts of the cache gave a head of a token, weighed by their shares of the softmax."""
    head, entry, split = tl.program_id(0).to(tl.int64), tl.arange(0, WIDE), tl.arange(0, SPLITS)
    part = sums + (head * SPLITS + split) * (SIZE + 2)
    most, total = tl.load(part + SIZE), tl.load(part + SIZE + 1)
    weight = tl.exp(most - tl.max(most))
    values = tl.load(part[:, None] + entry[None], entry[None] < SIZE, 0.0)
    result = tl.sum(values * weight[:, None], 0) / tl.sum(total * weight)
    tl.store(out + head * SIZE + entry, result, entry < SIZE)


def attended(
    whole: Tensor,
    positions: Tensor,
    cache: LayerCache,
    turn: tuple[Tensor, Tensor] | None,
    gains: tuple[Tensor, Tensor] | None,
    epsilon: float,
) -> Tensor:
    """Attention of a few neighbouring tokens of each row over its cache, which takes up their keys and values.

    whole: (tokens, (heads + 2 x groups) x head_dim), tokens row by row; positions: (rows, time), in each row one more
    than the one before, or the last again at the end of the room; turn: cos and sin, (positions, head_dim / 2) fp32;
    gains: of the norms of queries and keys. Returns (tokens, heads x head_dim)."""
    (rows, time), (_, groups, room, size) = positions.shape, cache.keys.shape
    heads = whole.shape[1] // size - 2 * groups
    splits = _splits(rows * time * heads, room)
    wide = triton.next_power_of_2(size // 2)
    out = torch.empty(rows * time, heads * size, dtype=whole.dtype, device=whole.device)
    sums = torch.empty(rows * time * heads * splits * (size + 2), dtype=torch.float32, device=whole.device)
    (cos, sin), (query_gain, key_gain) = turn or (whole, whole), gains or (whole, whole)
    _attended[(heads, rows * time, splits)](
        whole, positions, cache.keys, cache.values, cos, sin, query_gain, key_gain, out, sums,
        heads, groups, cache.keys.stride(0), cache.keys.stride(1), epsilon, size**-0.5,
        TIME=time, PAIRS=size // 2, WIDE=wide, NORMED=gains is not None,
        TURNED=turn is not None, KEYS=max(16, TILE // (wide * whole.element_size())), SPLITS=splits, num_warps=4,
    )  # fmt: skip
    if splits > 1:
        _joined[(rows * time * heads,)](sums, out, SIZE=size, WIDE=triton.next_power_of_2(size), SPLITS=splits)
    return out


def _splits(heads: int, room: int) -> int:
    """Into how many parts a cache of so much room is cut: long ones where few heads would leave a card idle."""
    splits = 1
    while splits < SPLITS and heads * splits * 2 <= 2 * CARD and room >= 2 * splits * LONG:
        splits *= 2
    return splits
