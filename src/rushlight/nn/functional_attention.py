"""Attention as functions: weighted means of values, by how well queries meet keys.

In: queries, keys, values, and which of them may meet. Out: a mean of the values for each query; made of products,
softmax and dropout, which are differentiated as such.
"""

from __future__ import annotations

import math

from rushlight.core import dtypes
from rushlight.core.errors import message
from rushlight.nn.functional_activation import softmax
from rushlight.nn.functional_dropout import dropout
from rushlight.ops.linear import linear
from rushlight.ops.pad import pad
from rushlight.tensor.autocasting import lowered
from rushlight.tensor.core import Tensor
from rushlight.tensor.creation import ones, zeros
from rushlight.tensor.gathering import repeat_interleave
from rushlight.tensor.parts import cat, chunk
from rushlight.tensor.products import baddbmm, bmm, matmul

_INFINITY = float("inf")


@lowered
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query · keyᵀ · scale + mask) · value (Vaswani et al. 2017).

    query (…, L, E), key (…, S, E), value (…, S, V) → (…, L, V); `scale` is 1/√E. `attn_mask`, broadcast to (…, L, S),
    is added, or of bools says which keys take part; a query that none of them may meet gets zeros. `is_causal`: query i
    meets keys 0 … i. `dropout_p` is applied whether training or not. With `enable_gqa` each head of key and value
    (axis −3) serves several of query. RuntimeError for other dtypes, ranks or sizes.

    >>> import rushlight as torch
    >>> x = torch.eye(2)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    _check_attention(query, key, value, attn_mask, is_causal)
    kind = query.dtype
    if kind in dtypes.HALVES:  # rounded once
        query, key, value = (tensor.float() for tensor in (query, key, value))
        attn_mask = attn_mask.float() if attn_mask is not None and attn_mask.dtype is kind else attn_mask
    if enable_gqa:
        key, value = _for_each_head(query, key, value)
    scores = matmul(query * (1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale), key.mT)
    if is_causal:
        attn_mask = ones(scores.shape[-2:], dtype=dtypes.bool, device=query.device).tril()
    weights = dropout(_weights(scores, attn_mask), dropout_p)
    result = matmul(weights, value)
    return result if result.dtype is kind else result.to(kind)


def _weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax of scores and a mask; zeros where the mask leaves nothing, with no NaN in their gradients either."""
    if mask is None:
        return softmax(scores, -1)
    if mask.dtype is dtypes.bool:
        mask = zeros(mask.shape, dtype=scores.dtype, device=scores.device).masked_fill_(~mask, -_INFINITY)
    scores, apart = scores + mask, (mask != -_INFINITY).any(-1, keepdim=True)
    if apart.all():
        return softmax(scores, -1)
    return softmax(scores.masked_fill(~apart, 0.0), -1).masked_fill(~apart, 0.0)


def _for_each_head(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    heads = query.shape[-3]
    if key.dim() < 3 or heads % key.shape[-3] or heads % value.shape[-3]:
        raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
    return tuple(repeat_interleave(tensor, heads // tensor.shape[-3], -3) for tensor in (key, value))


def _check_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool) -> None:
    given = {"query": query, "key": key, "value": value}
    for name, tensor in given.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"scaled_dot_product_attention(): {name} must be Tensor, not {type(tensor).__name__}")
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            message(
                f"Expected query, key, and value to have the same dtype, but got query.dtype: {_word(query)} "
                f"key.dtype: {_word(key)} and value.dtype: {_word(value)} instead.",
                fix=f".to({query.dtype})",
            )
        )
    if min(tensor.dim() for tensor in given.values()) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.dim()} "
            f"key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if not query.dtype.is_floating_point:
        raise RuntimeError(message(f"expected scalar type Float but found {_word(query).title()}", fix=".float()"))
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            message(
                "scaled_dot_product_attention: sizes that do not meet",
                f"query (…, L, E) {list(query.shape)}, key (…, S, E) {list(key.shape)}, value (…, S, V) "
                f"{list(value.shape)}",
            )
        )
    if mask is None:
        return
    if is_causal:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if mask.dtype not in (dtypes.bool, dtypes.float32, query.dtype) or (
        mask.dtype is dtypes.float32 and query.dtype is dtypes.float64
    ):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{_word(mask)} and  query.dtype: {_word(query)} instead."
        )


def _word(tensor: Tensor) -> str:
    words = {"float32": "float", "float64": "double", "int64": "long int", "float16": "c10::Half", "int32": "int"}
    return words.get(tensor.dtype.name, tensor.dtype.name)


# -- several heads


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """`nn.MultiheadAttention` with its parameters as arguments.

    query (L, N, E), key (S, N, Ek), value (S, N, Ev), or all without N → (L, N, E), and the weights of the softmax
    (N, L, S), or (N, heads, L, S) without `average_attn_weights`; None without `need_weights`. AssertionError for
    shapes that do not fit.

    >>> import rushlight as torch
    >>> x, w = torch.ones(3, 2, 4), torch.ones(12, 4)
    >>> F = torch.nn.functional
    >>> F.multi_head_attention_forward(x, x, x, 4, 2, w, None, None, None, False, 0.0, torch.eye(4), None)[0].shape
    torch.Size([3, 2, 4])
    """
    batched = _check_heads(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    if width != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if key.shape[:2] != value.shape[:2] and use_separate_proj_weight:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if key.shape != value.shape and not use_separate_proj_weight:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    key_padding_mask = _added(key_padding_mask, "key_padding_mask", query)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    by_rule = is_causal and key_padding_mask is None and not need_weights  # the mask is known, then
    attn_mask = None if by_rule else _added(attn_mask, "attn_mask", query)
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        biases = (None,) * 3 if in_proj_bias is None else chunk(in_proj_bias, 3)
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    attn_mask = _with_axes(attn_mask, (length, key.shape[0]), batch * num_heads)
    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _longer(attn_mask), _longer(key_padding_mask)
    q = _in_heads(q, num_heads)
    k = _in_heads(k, num_heads) if static_k is None else static_k
    v = _in_heads(v, num_heads) if static_v is None else static_v
    if add_zero_attn:
        nothing = zeros((batch * num_heads, 1, width // num_heads), dtype=k.dtype, device=k.device)
        k, v = cat([k, nothing], 1), cat([v, nothing], 1)
        attn_mask, key_padding_mask = _longer(attn_mask), _longer(key_padding_mask)
    source = k.shape[1]
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, source):
            raise AssertionError(
                f"expecting key_padding_mask shape of {(batch, source)}, but got {key_padding_mask.shape}"
            )
        padding = key_padding_mask.view(batch, 1, 1, source).expand(-1, num_heads, -1, -1)
        padding = padding.reshape(batch * num_heads, 1, source)
        attn_mask = padding if attn_mask is None else attn_mask + padding
    probability = dropout_p if training else 0.0
    if need_weights:
        scaled = q * math.sqrt(1.0 / q.shape[-1])
        scores = bmm(scaled, k.mT) if attn_mask is None else baddbmm(attn_mask, scaled, k.mT)
        found = dropout(softmax(scores, -1), probability) if probability > 0 else softmax(scores, -1)
        result = bmm(found, v)
        found = found.view(batch, num_heads, length, source)
        found = found.mean(1) if average_attn_weights else found
    else:
        result = scaled_dot_product_attention(q, k, v, attn_mask, probability, by_rule)
        found = None
    result = linear(result.transpose(0, 1).reshape(length * batch, width), out_proj_weight, out_proj_bias)
    result = result.view(length, batch, result.shape[-1])
    if batched:
        return result, found
    return result.squeeze(1), None if found is None else found.squeeze(0)


def _projected(query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, ...]:
    """Queries, keys and values, by one product where they are of one tensor."""
    width = query.shape[-1]
    if query is key is value:
        return tuple(chunk(linear(query, weight, bias), 3, -1))
    weights = weight.split([width] * 3)
    biases = (None,) * 3 if bias is None else bias.split([width] * 3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))


def _in_heads(x: Tensor, heads: int) -> Tensor:
    """(length, batch, heads · width) → (batch · heads, length, width)."""
    length, batch, width = x.shape
    return x.reshape(length, batch * heads, width // heads).transpose(0, 1)


def _longer(mask: Tensor | None) -> Tensor | None:
    """A mask with one more key, that takes part."""
    return None if mask is None else pad(mask, (0, 1))


def _added(mask: Tensor | None, name: str, query: Tensor) -> Tensor | None:
    """A mask as numbers to be added: −∞ where one of bools is True."""
    if mask is None:
        return None
    if mask.dtype is dtypes.bool:
        return zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill_(mask, -_INFINITY)
    if not mask.dtype.is_floating_point:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask if mask.dtype is query.dtype else mask.to(query.dtype)


def _with_axes(mask: Tensor | None, sizes: tuple[int, int], heads: int) -> Tensor | None:
    """A mask of two or three axes as one of three."""
    if mask is None:
        return None
    wanted = sizes if mask.dim() == 2 else (heads, *sizes)
    if tuple(mask.shape) != wanted:
        raise RuntimeError(f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}.")
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _check_heads(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None, heads: int
) -> bool:
    """Whether there is a batch; AssertionError for numbers of axes that do not go together."""
    rank = query.dim()
    if rank not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor")
    kind = "batched (3-D)" if rank == 3 else "unbatched (2-D)"
    if (key.dim(), value.dim()) != (rank, rank):
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {rank}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != rank - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {rank - 1}-D but found "
            f"{padding.dim()}-D tensor instead"
        )
    if padding is not None and rank == 3 and padding.shape[0] != key.shape[1]:
        raise AssertionError(f"Expected key_padded_mask.shape[0] to be {key.shape[1]}, but got {padding.shape[0]}")
    if mask is not None and mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.dim()}-D tensor instead"
        )
    if mask is not None and rank == 2 and mask.dim() == 3 and mask.shape[0] != heads:
        raise AssertionError(
            f"Expected `attn_mask` shape to be {(heads, query.shape[0], key.shape[0])} but got {mask.shape}"
        )
    return rank == 3
