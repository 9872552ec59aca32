"""Energy of the cards from a made-up NVML: counted, integrated, summed, missing, and failing in the midst."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from pytest import MonkeyPatch, approx, fixture, mark

from builders import cpu, plan_of, trainer_of
from calame.model.device import Device
from calame.run import telemetry
from calame.training import energy, loop
from calame.training.energy import Energy
from calame.training.parallel import Team

CUDA = Device(torch.device("cuda"), "bf16", "a test")


class Nvml(ModuleType):
    """Cards by UUID, each drawing so many watts; the clock is this test's."""

    class NVMLError(Exception):
        pass

    def __init__(self, watts: dict[str, float], counts: bool = True):
        super().__init__("pynvml")
        self.watts, self.counts, self.now, self.failing = watts, counts, 0.0, False

    def nvmlInit(self) -> None:
        if not self.watts:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in self.watts:
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, card: str) -> int:
        if not self.counts:
            raise self.NVMLError("Not Supported")
        if self.failing:
            raise self.NVMLError("GPU is lost")
        return 7_000_000 + round(self.watts[card] * self.now * 1000)  # mJ, for the driver has been there before

    def nvmlDeviceGetPowerUsage(self, card: str) -> int:
        return round(self.watts[card] * 1000)


@fixture
def install(monkeypatch: MonkeyPatch):
    """A function that puts an NVML in place; torch has cards b and a, in an order that is not NVML's."""
    order = ["b", "a"]
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=order[number]))

    def put(nvml: Nvml) -> Nvml:
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        monkeypatch.setattr(energy, "time", SimpleNamespace(monotonic=lambda: nvml.now))
        return nvml

    return put


def test_one_process_counts_the_card_it_trains_on(install, capsys):
    nvml = install(Nvml({"GPU-a": 100, "GPU-b": 300}))
    meter = Energy(Team(), CUDA)
    nvml.now = 3600
    assert meter.telemetry() == {"perf/watts": 300, "energy/kwh": 0.3}
    nvml.watts["GPU-b"] = 200  # 300 W for an hour, 100 W for the next: the count goes from 0.3 to 0.4 kWh
    nvml.now = 7200
    assert meter.telemetry() == {"perf/watts": 100, "energy/kwh": 0.4}
    meter.conclude()
    assert capsys.readouterr().out == "  energy: 0.4 kWh, 200 W\n"


def test_power_is_integrated_where_nothing_is_counted_and_marked(install, capsys):
    nvml = install(Nvml({"GPU-b": 100}, counts=False))
    meter = Energy(Team(), CUDA)
    nvml.now, nvml.watts["GPU-b"] = 1800, 300
    assert meter.telemetry() == {"perf/watts": 200, "energy/kwh": 0.1, "energy/estimated": True}
    nvml.now = 3600
    assert meter.telemetry() == {"perf/watts": 300, "energy/kwh": 0.25, "energy/estimated": True}
    meter.conclude()
    assert capsys.readouterr().out == "  energy: 0.25 kWh, 250 W, estimated\n"


@mark.parametrize(("size", "estimated"), [(2, {}), (6, {"energy/estimated": True})])
def test_cards_of_a_machine_are_summed_and_other_machines_taken_to_be_alike(install, size, estimated):
    nvml = install(Nvml({"GPU-a": 100, "GPU-b": 300, "GPU-c": 1000}))
    meter = Energy(Team(0, size, 2), CUDA)
    nvml.now = 3600
    assert meter.telemetry() == {"perf/watts": 400 * size / 2, "energy/kwh": approx(0.4 * size / 2), **estimated}


def test_the_others_do_not_ask(install):
    install(Nvml({}))
    assert Energy(Team(1, 2, 2), CUDA).telemetry() == {}


@mark.parametrize("nvml", [Nvml({}), Nvml({"GPU-elsewhere": 100})])
def test_an_nvml_that_does_not_answer_is_said_once(install, capsys, nvml):
    install(nvml)
    meter = Energy(Team(), CUDA)
    assert meter.telemetry() == meter.telemetry() == {}
    meter.conclude()
    out = capsys.readouterr().out
    assert out.startswith("  energy is not measured: ") and out.count("\n") == 1


def test_without_the_package_it_is_said_how_to_get_it(install, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert Energy(Team(), CUDA).telemetry() == {}
    assert capsys.readouterr().out == "  energy is not measured: pip install 'calame[monitor]'\n"


def test_on_a_cpu_nothing_is_said_nor_measured(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meter = Energy(Team(), cpu())
    meter.conclude()
    assert meter.telemetry() == {} and not capsys.readouterr().out


def lines(folder: Path) -> list[dict]:
    return [line for line in telemetry.read(folder) if "train/loss" in line]


def test_a_training_writes_it_down_and_goes_on_when_it_fails(install, monkeypatch, tmp_path, capsys):
    """The card is lost after step 2: the keys stop, it is said once, and the steps are those of any other run."""
    nvml = Nvml({"GPU-b": 300})
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(loop, "Energy", lambda team, device: Energy(team, CUDA))
    plan = plan_of(tokens=4 * 64, log_every=1)

    def tick(progress) -> dict:
        nvml.now += 3600
        nvml.failing = progress.step >= 2
        return {}

    trainer_of(tmp_path / "measured", plan, observers=[(64, tick)]).run()
    measured = lines(tmp_path / "measured")
    assert ["energy/kwh" in line for line in measured] == [True, True, False, False]
    assert [line["energy/kwh"] for line in measured[:2]] == approx([0.0, 0.3])
    assert capsys.readouterr().out.count("energy is not measured: GPU is lost") == 1
    monkeypatch.setattr(loop, "Energy", Energy)
    trainer_of(tmp_path / "plain", plan).run()
    assert [line["train/loss"] for line in measured] == [line["train/loss"] for line in lines(tmp_path / "plain")]
