"""One of two nodes of a real Ray cluster is lost in the middle of a run."""

from __future__ import annotations

from functools import partial

import pytest

from llm_attr_widget.models.ray import RayModel
from tests.remote.ray_models import Waiting, began, go
from tests.remote.ray_runs import Run, started
from tests.waiting import until

ray = pytest.importorskip("ray", reason="Ray is large and no part of the test extra: `make test-remote` brings it.")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own: sockets, its future defaults


class Nodes:
    """A head that does no work, and two nodes for one replica each."""

    def start(self):
        from ray.cluster_utils import Cluster

        self.cluster = Cluster()
        self.cluster.add_node(num_cpus=0, include_dashboard=False)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(2)]
        ray.init(address=self.cluster.address, log_to_driver=False)

    def end(self):
        ray.shutdown()
        self.cluster.shutdown()


@pytest.fixture
def nodes():
    made = Nodes()
    started(made.start, made.end)
    yield made
    made.end()


def test_a_lost_node_takes_no_prompt_with_it(nodes, tmp_path):
    with RayModel(partial(Waiting, tmp_path), replicas=2, batch=4, resources={"num_cpus": 1}) as model:
        run = Run(model)
        until(lambda: len(began(tmp_path)) == 2, 240)
        nodes.cluster.remove_node(nodes.nodes[0], allow_graceful=False)
        until(lambda: len(model.lost) == 1, 120)
        go(tmp_path)
        run.is_whole()
        assert repr(model) == "RayModel('waiting', lost=1, replicas=1)"
