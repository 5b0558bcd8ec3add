"""Batches side by side, whichever thread asks."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
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


def test_opencv_computes_alone_beside_the_workers_and_as_before_afterwards(two_threads):
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        inside = workers.run_batches(lambda batch: cv2.getNumThreads(), [1, 2], CPU)
        assert (set(inside), cv2.getNumThreads()) == ({1}, 3)
        with pytest.raises(ZeroDivisionError, match="by zero"):
            workers.run_batches(lambda batch: 1 // batch, [1, 0], CPU)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def videopose_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("videopose")}


def test_another_number_of_threads_ends_the_workers_there_were(two_threads):
    for threads in (2, 3, 4, 5, 6, 2):
        torch.set_num_threads(threads)
        workers.run_batches(name_of_the_thread, list(range(8)), CPU)

    deadline = time.monotonic() + 5
    while len(videopose_threads()) > 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(videopose_threads()) == 2


def test_twelve_threads_may_ask_at_once(two_threads):
    before = cv2.getNumThreads()

    def ask(number):
        torch.set_num_threads(2 + number % 3)
        return [workers.run_batches(lambda batch: batch * number, list(range(9)), CPU) for _ in range(20)]

    with ThreadPoolExecutor(12) as callers:
        found = list(callers.map(ask, range(12)))

    for number, answers in enumerate(found):
        assert answers == [[batch * number for batch in range(9)]] * 20
    assert cv2.getNumThreads() == before


FORK = """
import faulthandler, os, sys
import cv2, numpy as np, torch
from videopose.runtime.workers import run_batches

def work(batch):
    cv2.resize(image, (333, 222))
    return float((matrix @ matrix).sum()) * batch

torch.set_num_threads(2)
cv2.setNumThreads(2)
image, matrix = np.zeros((999, 999, 3), np.uint8), torch.ones(400, 400)
expected = run_batches(work, [1, 2, 3], torch.device("cpu"))
matrix @ matrix
child = os.fork()
if child == 0:
    faulthandler.dump_traceback_later(20, exit=True)
    found = run_batches(work, [1, 2, 3], torch.device("cpu"))
    torch.set_num_threads(2)
    again = run_batches(lambda batch: batch, [1, 2, 3], torch.device("cpu"))
    os._exit(0 if found == expected and again == [1, 2, 3] else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_after_the_workers_began_works():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
