// The page: what was said, what is being said, and how fast. Texts are only ever set as text, never as HTML.
import { Refused, stream, theModel } from "./asking.js";
import { words } from "./words.js";

const at = (id) => document.getElementById(id);
const [log, said, alertLine, status, speed, dialog] = ["log", "said", "alert", "status", "speed", "dialog"].map(at);
const kept = { get: (name) => localStorage.getItem(name), set: (name, value) => localStorage.setItem(name, value) };

let model = null; // as the server describes it
let language = kept.get("language") ?? navigator.languages.map((code) => code.slice(0, 2)).find((code) => code in words) ?? "en";
let exchanges = []; // {asked, answer, element, total}: those that the model still knows
let running = null; // the AbortController of the answer that is being written

const word = (name) => words[language][name];

function speak() {
  document.documentElement.lang = language;
  at("language").value = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  said.placeholder = word("message");
  if (model && !model.tuned) at("notice").textContent = word("untuned");
}

let early = false;

async function begin() {
  try {
    model = await theModel(key());
  } catch (error) {
    if (error.status === 401) return askForKey();
    return complain(error);
  }
  at("model").textContent = model.id;
  document.title = `${model.id} · Calame`;
  at("temperature").placeholder = model.temperature;
  at("most").placeholder = at("most").max = model.max_tokens;
  at("notice").hidden = model.tuned && model.converses;
  at("system").disabled = !model.converses;
  complain(null);
  speak();
  if (early) submit();
}

const key = () => sessionStorage.getItem("key");

function askForKey() {
  at("key-wanted").hidden = false;
  dialog.showModal();
  at("key").focus();
}

function complain(error) {
  alertLine.textContent = !error ? "" : error instanceof Refused ? (error.status ? error.message : word("broken")) : word("lost");
}

function add(tag, parent, name, text = "") {
  const element = parent.appendChild(document.createElement(tag));
  element.className = name;
  element.textContent = text;
  return element;
}

function show(asked) {
  at("welcome").hidden = true;
  const element = add("div", log, "exchange");
  const mine = add("article", element, "mine");
  add("h2", mine, "who", word("you")).dataset.word = "you";
  add("div", mine, "text", asked);
  const theirs = add("article", element, "theirs");
  add("h2", theirs, "who", model.id);
  return { asked, answer: "", element, total: 0, text: add("div", theirs, "text"), foot: add("div", theirs, "foot soft") };
}

function body(exchange) {
  const chosen = { model: model.id, stream: true, stream_options: { include_usage: true } };
  if (at("temperature").value !== "") chosen.temperature = Number(at("temperature").value);
  if (at("most").value !== "") chosen.max_tokens = Number(at("most").value);
  if (!model.converses) return ["/v1/completions", { ...chosen, prompt: exchange.asked }];
  const system = at("system").value.trim();
  const messages = system ? [{ role: "system", content: system }] : [];
  for (const { asked, answer } of exchanges) {
    messages.push({ role: "user", content: asked }, { role: "assistant", content: answer });
  }
  messages.push({ role: "user", content: exchange.asked });
  return ["/v1/chat/completions", { ...chosen, messages }];
}

// Where the context is nearly full, or the server says that it is, the oldest exchange is forgotten.
function forget() {
  const oldest = exchanges.shift();
  oldest.element.classList.add("forgotten");
  if (!log.querySelector(".gap")) add("p", log, "gap soft", word("forgotten"));
  log.insertBefore(log.querySelector(".gap"), oldest.element.nextSibling);
}

async function answer(exchange) {
  const last = exchanges.at(-1);
  if (last && last.total > model.context * 0.75) forget();
  running = new AbortController();
  busy(true);
  complain(null);
  const clock = { begin: performance.now(), first: 0, pieces: 0 };
  let finish = null;
  let usage = null;
  try {
    for await (const chunk of stream(...body(exchange), key(), running.signal)) {
      usage = chunk.usage ?? usage;
      const choice = chunk.choices[0];
      finish = choice?.finish_reason ?? finish;
      const piece = choice?.delta?.content ?? choice?.text ?? "";
      if (piece) write(exchange, piece, clock);
    }
  } catch (error) {
    if (error.code === "context_length_exceeded" && exchanges.length) {
      forget();
      return answer(exchange);
    }
    if (error.name === "AbortError") finish = "stopped";
    else if (error.status === 401) askForKey();
    if (error.name !== "AbortError") complain(error);
  }
  running = null;
  busy(false);
  end(exchange, finish, usage, clock);
}

function write(exchange, piece, clock) {
  const low = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  clock.first ||= performance.now();
  clock.pieces += 1;
  exchange.answer += piece;
  exchange.text.textContent = exchange.answer;
  const seconds = (performance.now() - clock.first) / 1000;
  if (seconds > 0.2) speed.textContent = `≈ ${number(clock.pieces / seconds)} ${word("rate")}`;
  if (low) log.scrollTop = log.scrollHeight;
}

const number = (value) => value.toLocaleString(language, { maximumSignificantDigits: Math.max(2, String(Math.round(value)).length) });

const span = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${number(ms / 1000)} s`);

function end(exchange, finish, usage, clock) {
  if (!exchange.element.isConnected) return; // a new conversation has begun
  if (finish === null && !exchange.answer) { // refused: what was asked goes back to be mended
    exchange.element.remove();
    if (!said.value) said.value = exchange.asked;
    grow();
    return said.focus();
  }
  const facts = [];
  if (usage) {
    const seconds = (performance.now() - clock.first) / 1000;
    facts.push(`${number(usage.completion_tokens)} ${word("tokens")}`);
    if (clock.first && usage.completion_tokens > 1) facts.push(`${number((usage.completion_tokens - 1) / seconds)} ${word("rate")}`);
    if (clock.first) facts.push(`${word("first")} ${span(clock.first - clock.begin)}`);
    exchange.total = usage.total_tokens;
  }
  if (finish === "stopped") facts.push(word("stopped"));
  if (finish === "length") facts.push(word("cut"));
  speed.textContent = "";
  if (!exchange.answer.trim()) exchange.text.textContent = word("nothing");
  else exchanges.push(exchange); // an empty answer cannot be sent back
  status.textContent = `${word("answered")} ${exchange.answer}`;
  finishFoot(exchange, facts);
  said.focus();
}

function finishFoot(exchange, facts) {
  add("span", exchange.foot, "", facts.join(" · "));
  const copy = small(exchange.foot, "copy");
  copy.onclick = async () => {
    await navigator.clipboard.writeText(exchange.answer);
    copy.textContent = status.textContent = word("copied");
  };
  for (const other of log.querySelectorAll(".again")) other.remove();
  const again = small(exchange.foot, "again");
  again.onclick = () => repeat(exchange);
  log.scrollTop = log.scrollHeight;
}

function small(parent, name) {
  const button = add("button", parent, `small ${name}`, word(name));
  button.type = "button";
  button.dataset.word = name;
  return button;
}

function repeat(exchange) {
  if (running) return;
  exchanges = exchanges.filter((one) => one !== exchange);
  exchange.answer = exchange.text.textContent = exchange.foot.textContent = "";
  answer(exchange);
}

function busy(is) {
  at("send").hidden = is;
  at("stop").hidden = !is;
  log.setAttribute("aria-busy", is);
  status.textContent = is ? word("writing") : "";
  speed.textContent = "";
  document.body.classList.toggle("busy", is);
}

function grow() {
  said.style.height = "auto";
  said.style.height = `${said.scrollHeight}px`;
}

function submit() {
  const asked = said.value.trim();
  early = Boolean(asked) && !model;  // said before the model is known: sent once it is
  if (!asked || running || !model) return;
  said.value = "";
  grow();
  const exchange = show(asked);
  log.scrollTop = log.scrollHeight;
  answer(exchange);
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
said.addEventListener("input", grow);
said.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !dialog.open) running?.abort();
});
at("stop").onclick = () => running?.abort();
at("settings").onclick = () => dialog.showModal();
at("fresh").onclick = () => {
  running?.abort();
  exchanges = [];
  for (const element of log.querySelectorAll(".exchange, .gap")) element.remove();
  at("welcome").hidden = false;
  complain(null);
  said.focus();
};
at("language").onchange = (event) => {
  language = event.target.value;
  kept.set("language", language);
  speak();
};
dialog.addEventListener("close", () => {
  if (at("key").value) sessionStorage.setItem("key", at("key").value);
  at("key-wanted").hidden = true;
  said.focus();
  if (!model) begin();
});

speak();
begin();
