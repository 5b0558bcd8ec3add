"""What `videopose env` says would help depends on the machine."""

from dataclasses import replace

import pytest

from videopose.cli.main import main
from videopose.runtime.advice import OPTIONAL, Machine, advice, this_machine

LAPTOP = Machine("avx2", 8, 8, False, False, False, frozenset(OPTIONAL))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"packages": frozenset({"pandas"})}, "pip install openvino"),
        ({"packages": frozenset({"openvino"})}, "pip install pandas"),
        ({"threads": 2}, "networks use 2 of 8 cores: unset OMP_NUM_THREADS"),
        ({"has_nvidia": True}, "this torch is built without CUDA"),
        ({"has_nvidia": True, "is_cuda_build": True}, "its driver does not answer"),
        ({"is_cuda_build": True}, "the CPU build takes gigabytes less"),
        ({"held_to": "AVX2"}, "ONEDNN_MAX_CPU_ISA=AVX2 holds the processor"),
    ],
)
def test_each_fact_has_its_advice(change, said):
    assert not any(said in line for line in advice(LAPTOP))
    assert any(said in line for line in advice(replace(LAPTOP, **change)))


def test_a_card_that_works_needs_no_advice_on_the_processor():
    lines = advice(replace(LAPTOP, has_nvidia=True, has_cuda=True, is_cuda_build=True, threads=1, packages=frozenset()))

    assert [line for line in lines if "openvino" in line or "cores" in line or "CUDA" in line] == []


def test_a_processor_with_bfloat16_is_told_to_install_openvino_too():
    assert any("openvino" in line for line in advice(replace(LAPTOP, instruction_set="amx", packages=frozenset())))


def test_env_ends_with_advice_for_this_machine(capsys):
    assert main(["env"]) == 0

    said = capsys.readouterr().out.split("faster or better here:\n")[1].splitlines()
    assert said == [f"  {line}" for line in advice(this_machine())]
