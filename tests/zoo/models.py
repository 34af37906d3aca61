"""Which models are compared, and what they are given; the same on either side, where `torch` is PyTorch or Rushlight.

In: a model's name, `torchvision/resnet18` or `timm/dla34`. Out: the model, built from a seed, and the sizes of its
inputs, which are as small as it allows.
"""

from __future__ import annotations

import math
from typing import Any

# Families of timm's, one or two small variants of each.
_TIMM = """
resnet18 resnet26d seresnet33ts ecaresnet26t resnext26ts wide_resnet50_2
resnetv2_50 resnetv2_50x1_bit resnetv2_18d
convnext_atto convnextv2_atto convnext_tiny
efficientnet_b0 efficientnet_lite0 efficientnetv2_rw_t mixnet_s mnasnet_small tf_efficientnet_b0
mobilenetv2_050 mobilenetv3_small_050 mobilenetv3_large_100 mobilenetv4_conv_small lcnet_050
densenet121 densenetblur121d
regnetx_002 regnety_002 regnetz_b16
dla34 dla46x_c dla60_res2net
hrnet_w18_small hrnet_w18_small_v2
ghostnet_100 ghostnetv2_100
repvgg_a0 mobileone_s0
resnest14d resnest26d
skresnet18 skresnext50_32x4d
ese_vovnet19b_dw ese_vovnet39b
nf_resnet26 eca_nfnet_l0 nf_regnet_b0
legacy_xception xception41
inception_v3 inception_v4 inception_resnet_v2
cspresnet50 cspdarknet53 darknet53 selecsls42b rexnet_100 gernet_s tresnet_m hardcorenas_a dpn48b
"""

LARGE = 250_000_000
"""From how many parameters on a model is left out unless it is asked for."""

GROUPS = {
    "torchvision.models": "torchvision: classification",
    "torchvision.models.segmentation": "torchvision: segmentation",
    "torchvision.models.video": "torchvision: video",
    "torchvision.models.optical_flow": "torchvision: optical flow",
    "timm": "timm: convolutional families",
}


def names() -> list[tuple[str, str]]:
    """Every model as (group, name)."""
    import torchvision

    found = []
    for group in GROUPS:
        if group != "timm":
            module = torchvision
            for part in group.split(".")[1:]:
                module = getattr(module, part)
            found += [(group, f"torchvision/{name}") for name in torchvision.models.list_models(module)]
    return found + [("timm", f"timm/{name}") for name in _TIMM.split()]


def build(name: str) -> Any:
    """The model, its first weights drawn from seed 0."""
    import torch

    package, _, model = name.partition("/")
    torch.manual_seed(0)
    if package == "timm":
        import timm

        return timm.create_model(model, pretrained=False)
    import torchvision

    options: dict[str, Any] = {"weights": None}
    builder = torchvision.models.get_model_builder(model)
    if builder.__module__.startswith("torchvision.models.segmentation"):
        options["weights_backbone"] = None
    if model in ("googlenet", "inception_v3"):
        options["init_weights"] = True
    return builder(**options)


def sizes(name: str) -> list[tuple[int, ...]]:
    """The shapes of the inputs."""
    model = name.partition("/")[2]
    if model.startswith("raft"):
        return [(1, 3, 128, 128)] * 2
    if model.startswith(("mvit", "s3d")):
        return [(1, 3, 16, 224, 224)]
    if model.startswith("swin3d"):
        return [(1, 3, 4, 64, 64)]
    if model.startswith(("r3d", "mc3", "r2plus1d")):
        return [(2, 3, 4, 32, 32)]
    if model.startswith(("vit", "maxvit")):
        return [(1, 3, 224, 224)]
    if model == "inception_v3":
        return [(2, 3, 299, 299)]
    side = 128 if model.startswith(("inception", "googlenet")) else 64
    return [(2, 3, side, side)]


def parameters(model: Any) -> int:
    """How many numbers a model has."""
    return sum(math.prod(parameter.shape) for parameter in model.parameters())
