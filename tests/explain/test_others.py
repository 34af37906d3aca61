"""Pooling, normalisation, activations, dropout: what is explained of them is what they do; batches by name."""

import pytest

import rushlight as torch
from rushlight import nn
from rushlight.explain.reading import ADAPTIVE, OTHER, POOL, known, way_of
from rushlight.nn import functional as F
from tests.explain.test_facts import check_text

ARGUMENTS = {
    "AdaptiveAvgPool": (2,),
    "AdaptiveMaxPool": (2,),
    "AvgPool": (2,),
    "MaxPool": (2,),
    "LPPool": (2, 2),
    "BatchNorm": (4,),
    "SyncBatchNorm": (4,),
    "InstanceNorm": (4,),
    "GroupNorm": (2, 4),
    "LayerNorm": ((5, 6),),
    "LocalResponseNorm": (2,),
    "RMSNorm": ((5, 6),),
    "Unflatten": (1, (2, 2)),
    "Upsampl": (None, 2),
    "PReLU": (4,),
    "Softmax": (1,),
    "Softmin": (1,),
    "LogSoftmax": (1,),
    "Threshold": (0.1, 2.0),
    "ChannelShuffle": (2,),
    "PixelShuffle": (2,),
    "PixelUnshuffle": (1,),
}


def arguments(name):
    for start, given in ARGUMENTS.items():
        if name.removeprefix("Lazy").startswith(start) and not name.startswith("Softmax2d"):
            return () if name.startswith("Lazy") else given
    return ()


def shape(name):
    rank = int(name[-2]) if name.endswith(("1d", "2d", "3d")) else 2
    return (3, 4, *(7, 5, 6)[3 - rank :])


LAYERS = [name for name in known() if name[0].isupper() and way_of(name) in (POOL, ADAPTIVE, OTHER)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name):
    """From the layer, and from its text: shape and parameters are those of a call."""
    layer, x = getattr(nn, name)(*arguments(name)), shape(name)
    if "Unpool" in name:
        pytest.skip("takes two tensors")
    y = torch.output_shape(layer, x)
    text = f"nn.{name}{arguments(name) if len(arguments(name)) != 1 else f'({arguments(name)[0]!r})'}"
    for found in (torch.explain(layer, x), torch.explain(text, x)):
        assert found.error is None
        assert found.output_shape == tuple(y)
        if not name.startswith("Lazy"):
            assert found.parameters == sum(p.numel() for p in layer.parameters())
        check_text(found)
        for language in ("en", "zh"):
            assert found.svg(language).startswith("<svg")
    named = torch.explain(layer, ("N", *x[1:]))
    assert named.output_shape == ("N", *y[1:])
    check_text(named)


def test_every_layer_of_one_input_is_known():
    unknown = [
        name
        for name in nn.__all__
        if isinstance(kind := getattr(nn, name), type)
        and issubclass(kind, nn.Module)
        and way_of(name) is None
        and not name.endswith(("Loss", "Module", "Sequential", "List", "Dict", "Bilinear", "Embedding", "Distance"))
        and not name.endswith(("Loss2d", "Attention", "Parallel"))
    ]
    assert [name for name in unknown if "Cosine" not in name] == []


@pytest.mark.parametrize("seed", range(60))
def test_pooling_by_its_rule(seed):
    import random

    rng = random.Random(seed)
    rank = rng.randint(1, 3)
    taps = rng.randint(1, 4)
    given = {"stride": rng.randint(1, 4), "padding": rng.randint(0, taps // 2), "ceil_mode": rng.random() < 0.5}
    kind = rng.choice(("Max", "Avg"))
    if kind == "Max":
        given["dilation"] = rng.randint(1, 2)
    layer = getattr(nn, f"{kind}Pool{rank}d")(taps, **given)
    x = (2, 3, *(rng.randint(8, 12) for _ in range(rank)))
    found = torch.explain(layer, x)
    assert found.output_shape == tuple(layer(torch.zeros(x)).shape)
    assert [axis.out for axis in found.axes] == list(found.output_shape[2:])
    check_text(found)
    row = torch.summary(nn.Sequential(layer), x).rows[0]
    assert [axis.out for axis in row.axes] == list(found.output_shape[2:])
    words = ", ".join(f"{key}={value}" for key, value in given.items())
    called = torch.explain(f"F.{kind.lower()}_pool{rank}d(x, {taps}, {words})", x)
    assert called.output_shape == found.output_shape


def test_adaptive_windows():
    found = torch.explain("AdaptiveAvgPool1d(5)", (1, 1, 13))
    assert found.axes[0].adaptive == [(0, 3), (2, 6), (5, 8), (7, 11), (10, 13)]
    x = torch.arange(13.0).reshape(1, 1, 13)
    means = [x[..., start:stop].mean().item() for start, stop in found.axes[0].adaptive]
    assert F.adaptive_avg_pool1d(x, 5).flatten().tolist() == pytest.approx(means)
    assert found.receptive_field == (4,)
    assert "which are 3 or 4: 0…2, 2…5, 5…7" in " ".join(found.text().split())


def test_a_window_that_is_left_out():
    found = torch.explain("MaxPool1d(2, 3, 1, ceil_mode=True)", (1, 1, 10))
    assert found.output_shape == (1, 1, 4) == tuple(nn.MaxPool1d(2, 3, 1, ceil_mode=True)(torch.zeros(1, 1, 10)).shape)
    assert "= 5" in found.text() and "minus 1: the last of these windows" in found.text()


@pytest.mark.parametrize(
    ("text", "shapes", "result"),
    [
        ("F.relu(x)", [(2, 3)], (2, 3)),
        ("torch.softmax(x, dim=1)", [(2, 3)], (2, 3)),
        ("F.glu(x, 0)", [(4, 3)], (2, 3)),
        ("F.batch_norm(x, m, v)", [(2, 3, 4, 4), (3,), (3,)], (2, 3, 4, 4)),
        ("F.adaptive_avg_pool2d(x, (1, None))", [(2, 3, 4, 5)], (2, 3, 1, 5)),
        ("F.dropout(x, 0.2)", [(7, 3)], (7, 3)),
    ],
)
def test_functions(text, shapes, result):
    found = torch.explain(text, *shapes)
    assert found.output_shape == result
    check_text(found)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.BatchNorm2d(3), (2, 4, 9, 9)),
        (nn.LayerNorm((4, 5)), (2, 5, 4)),
        (nn.GroupNorm(2, 4), (1, 6, 3)),
        (nn.MaxPool2d(9), (1, 2, 3, 3)),
        (nn.AvgPool1d(3, padding=2), (1, 2, 9)),
        (nn.AdaptiveAvgPool2d(2), (2, 3)),
        (nn.GLU(), (2, 3)),
        (nn.BatchNorm1d(3), (2, 3, 4, 4)),
    ],
)
def test_refusals(layer, x):
    found = torch.explain(layer, x)
    with pytest.raises(type(found.error)) as caught:
        layer(torch.zeros(x))
    assert str(found.error).split("\n")[0] == str(caught.value).split("\n")[0]
    check_text(found)


@pytest.mark.parametrize(
    ("layer", "said", "not_said"),
    [
        ("F.batch_norm(x, m, v)", "running mean and variance", "over its"),
        ("F.batch_norm(x, m, v, training=True)", "over its 32 numbers", "is normalised with"),
        (nn.BatchNorm2d(3).eval(), "running mean and variance", "over its"),
        (nn.BatchNorm2d(3, track_running_stats=False).eval(), "over its 32 numbers", "running mean"),
        (nn.InstanceNorm2d(3).eval(), "over its 16 positions", "running mean"),
        (nn.InstanceNorm2d(3, track_running_stats=True).eval(), "running mean", "over its"),
        (nn.Dropout(0.3).eval(), "nothing is changed: training is off", "probability"),
        ("F.dropout(x, 0.3, training=False)", "nothing is changed: training is off", "probability"),
        ("F.normalize(x, dim=-1)", "along axis 3: every number is divided by the norm", "variance"),
    ],
)
def test_what_is_done_now(layer, said, not_said):
    """What a layer in evaluation does, or a function by its arguments."""
    shapes = [(2, 3, 4, 4), (3,), (3,)] if isinstance(layer, str) and "batch" in layer else [(2, 3, 4, 4)]
    text = " ".join(torch.explain(layer, *shapes).text().split())
    assert said in text and not_said not in text


def test_a_large_norm_is_not_computed():
    import tracemalloc

    tracemalloc.start()
    torch.explain("F.batch_norm(x, m, v)", (64, 256, 256, 256), (256,), (256,))
    torch.explain("BatchNorm2d(256)", (64, 256, 256, 256)).text()
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


# -- batches by name


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [
        ("Conv2d(16, 33, 3)", ("N", 16, 50, 100), ("N", 33, 48, 98)),
        ("ConvTranspose1d(4, 6, 3, stride=2)", ("batch", 4, 9), ("batch", 6, 19)),
        ("Linear(20, 30)", ("N", 7, 20), ("N", 7, 30)),
        ("Flatten()", ("B", 3, 4), ("B", 12)),
        ("Flatten(0)", ("N", 3, 4), ("12*N",)),
        ("Unfold(3)", ("N", 2, 9, 9), ("N", 18, 49)),
        ("Fold((4, 5), 2)", ("N", 12, 12), ("N", 3, 4, 5)),
        ("ReflectionPad1d(2)", ("N", 2, 9), ("N", 2, 13)),
        ("MaxPool2d(2)", ("N", 3, 8, 8), ("N", 3, 4, 4)),
    ],
)
def test_a_named_batch(text, x, y):
    found, one = torch.explain(text, x), torch.explain(text, (1, *x[1:]))
    assert found.output_shape == y
    assert found.macs == one.macs and found.parameters == one.parameters
    check_text(found)
    assert f"({x[0]}, " in found.text() and f"({x[0]}, " in found.svg()
    if found.macs:
        assert f"·{x[0]} = " in found.text()


def test_a_named_batch_that_does_not_fit():
    found = torch.explain("Conv2d(16, 33, 3)", ("N", 15, 50, 100))
    assert "expected" in str(found.error) and "(N, 15, 50, 100)" in found.text()
    for text, x in (("Linear(5, 3)", ("N",)), ("Conv2d(5, 3, 3)", ("N", 9, 9)), ("MaxPool1d(2)", ("N", 9))):
        with pytest.raises(ValueError, match="N stands for a batch, and an input of"):
            torch.explain(text, x)
    assert torch.explain("F.pad(x, (1, 2))", ("N", 9)).output_shape == ("N", 12)
    assert torch.explain("Flatten(0)", ("N",)).output_shape == ("N",)
    with pytest.raises(ValueError, match="one name may stand in a shape"):
        torch.explain("Conv2d(16, 33, 3)", (1, "C", 50, 100))


def test_functions_of_several_tensors():
    assert torch.explain("F.conv2d(x, w)", ("N", 4, 9, 9), (6, 4, 3, 3)).output_shape == ("N", 6, 7, 7)
