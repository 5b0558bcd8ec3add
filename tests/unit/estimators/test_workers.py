"""Batches side by side, whichever thread asks."""

import threading

import pytest
import torch

from videopose.runtime import workers

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def name_of_the_thread(batch):
    return threading.current_thread().name, torch.get_num_threads()


def in_a_new_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_answers_come_in_the_order_of_the_batches(two_threads):
    assert workers.run_batches(lambda batch: batch * 2, list(range(20)), CPU) == list(range(0, 40, 2))


def test_workers_have_one_thread_of_arithmetic_each(two_threads):
    found = workers.run_batches(name_of_the_thread, list(range(8)), CPU)

    assert all(name.startswith("videopose") and threads == 1 for name, threads in found)


def test_a_thread_that_begins_later_still_gets_the_workers(two_threads):
    workers.run_batches(name_of_the_thread, [1, 2], CPU)

    found = in_a_new_thread(lambda: workers.run_batches(name_of_the_thread, [1, 2], CPU))

    assert all(name.startswith("videopose") for name, _ in found)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("num_batches", [1, 4])
def test_no_gradients_are_recorded_whichever_thread_works(two_threads, num_batches):
    weight = torch.ones(1, requires_grad=True)

    assert not any(
        out.requires_grad for out in workers.run_batches(lambda batch: batch * weight, [1] * num_batches, CPU)
    )
