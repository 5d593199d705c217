"""The example clusters pass the validators that would read them: Ray's own, of its launcher and of its KubeRay part."""

from pathlib import Path
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).resolve().parents[2] / "infra"


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((INFRA / name).read_text()))


def test_the_launcher_takes_its_file_and_refuses_a_misspelled_one() -> None:
    util = pytest.importorskip("ray.autoscaler._private.util")
    config = read("ray-cluster.yaml")
    util.validate_config(util.prepare_config(config))
    assert config["available_node_types"][config["head_node_type"]]["resources"]["CPU"] == 0
    assert set(config["file_mounts"].values()) == {"."}
    with pytest.raises(Exception, match="head_start_ray_command'"):
        util.validate_config(util.prepare_config({**config, "head_start_ray_command": []}))


def test_kuberay_reads_what_the_comments_say() -> None:
    """Ray's autoscaler turns the resource into its own configuration, and checks that."""
    reader = pytest.importorskip("ray.autoscaler._private.kuberay.autoscaling_config")
    util = pytest.importorskip("ray.autoscaler._private.util")
    resource = read("kuberay.yaml")
    assert (resource["apiVersion"], resource["kind"]) == ("ray.io/v1", "RayCluster")
    made = reader._derive_autoscaling_config_from_ray_cr({**resource, "metadata": {"name": "r", "namespace": "n"}})
    util.validate_config(made)
    kinds = made["available_node_types"]
    assert kinds["headgroup"]["resources"]["CPU"] == 0
    assert kinds["cpu"]["resources"]["CPU"] == 8
    assert kinds["gpu"]["resources"]["GPU"] == 1
    assert all(kinds[name]["min_workers"] == 0 for name in kinds)


def test_both_name_the_ray_that_is_installed() -> None:
    """Ray refuses a worker of another version."""
    ray = pytest.importorskip("ray")
    assert read("kuberay.yaml")["spec"]["rayVersion"] == ray.__version__
