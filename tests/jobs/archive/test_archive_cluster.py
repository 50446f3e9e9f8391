"""The way to a cluster, with what Ray's client says in place of one."""

from __future__ import annotations

import pytest

from thermend.errors import UsageError
from thermend.jobs.archive import cluster as module
from thermend.jobs.archive.cluster import cluster

ray = pytest.importorskip("ray", reason="needs the cluster extra")

# as ray.util.client.worker words what the server of a client port answers
SERVER = """Initialization failure from server:
Traceback (most recent call last):
  File "/ray/util/client/server/proxier.py", line 780, in Datapath
    raise RuntimeError(
RuntimeError: Proxy failed to Connect to backend! Check `ray_client_server.err`
"""
# as ray.exceptions.RayTaskError words what was raised in a worker
TASK = """\x1b[36mray::_Conductor.next()\x1b[39m (pid=29792, ip=192.0.2.2, actor_id=e0d9)
           ^^^^^^^^^^^^^^^^^^^^
  File "/thermend/jobs/archive/cluster.py", line 7, in next
    return next(self._rows, None)
ValueError: the part of a batch is gone
"""
DIED = "The actor died unexpectedly before finishing this task.\n\tclass_name: A\nThe actor is dead because of that."


@pytest.fixture
def attempts(monkeypatch):
    """How often a connection was asked for; the first ``attempts.failing`` of them fail."""

    class Attempts(list):
        failing = 0

    found = Attempts()

    def init(**asked):
        found.append(asked["address"])
        if len(found) <= found.failing:
            raise ConnectionAbortedError(SERVER)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(module, "_PAUSE", 0)
    return found


def test_a_server_that_does_not_come_up_is_asked_for_again(attempts):
    attempts.failing = 2
    with cluster("ray://head:10001") as connected:
        assert connected is ray
    assert attempts == ["ray://head:10001"] * 3


def test_no_more_than_three_times_and_then_its_reason_is_said(attempts, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    attempts.failing = 9
    with pytest.raises(UsageError) as refused, cluster("ray://head:10001"):
        pass
    assert len(attempts) == 3
    assert str(refused.value) == (
        "--on ray://head:10001: no cluster answers "
        "(RuntimeError: Proxy failed to Connect to backend! Check `ray_client_server.err`)"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TASK, "ValueError: the part of a batch is gone"),
        (DIED, "RuntimeError: The actor died unexpectedly before finishing this task."),
    ],
)
def test_a_lost_cluster_says_why_in_one_line(text, reason, monkeypatch):
    class Client:
        class util:  # noqa: N801
            class client:  # noqa: N801
                class ray:  # noqa: N801
                    is_connected = staticmethod(lambda: False)

        @staticmethod
        def cluster_resources():
            return {"CPU": 1.0}

        @staticmethod
        def put(block):
            raise RuntimeError(text)

    with pytest.raises(UsageError) as lost:
        list(module.on_ray(Client, None, None, [[None]]))
    assert str(lost.value) == f"the cluster is lost ({reason}); the same command goes on"
