"""What lets a CPU train faster, with the same gradients.

In bf16 oneDNN, which PyTorch runs on a CPU, has no quick backward pass for depthwise convolutions with a stride or with
kernels above 3 x 3: at 320 pixels they took half of a training step of EfficientNet-Lite0. The gradient of the input is
here a forward convolution of the spread-out gradient with the turned kernel, which is quick, and that of a large kernel
is summed in float32, for which there is a quick one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from timm.layers import Conv2dSame, pad_same
from torch import Tensor, nn
from torch.nn.functional import conv2d

from core.memory import all_freed_memory_kept

# oneDNN's bf16 gradient of a kernel is quick up to this side.
_QUICK_KERNEL = 3


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let this process keep freed memory for its next tensors, if it trains on its CPU.

    Each step otherwise gives its feature maps back to the system and gets them anew, page by page: up to a quarter of
    the time of a compiled step. At the end all of it is given back, for a process that does more than train.
    """
    with nullcontext() if torch.cuda.is_available() else all_freed_memory_kept():
        yield


def quicken_depthwise(network: nn.Module) -> None:
    """Exchange the network's depthwise convolutions, in place; parameters and their names stay."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and _is_depthwise(child):
                setattr(parent, name, _QuickDepthwise(child))


def _is_depthwise(module: nn.Conv2d) -> bool:
    return (
        type(module) in (nn.Conv2d, Conv2dSame)
        and module.groups == module.in_channels == module.out_channels > 1
        and module.kernel_size[0] == module.kernel_size[1]
        and module.stride[0] == module.stride[1]
        and module.dilation == (1, 1)
        and module.bias is None
        and module.padding_mode == "zeros"
        and (type(module) is Conv2dSame or _pads_alike(module))
    )


def _pads_alike(module: nn.Conv2d) -> bool:
    padding = module.padding
    return isinstance(padding, tuple) and padding[0] == padding[1] < module.kernel_size[0]


class _QuickDepthwise(nn.Module):
    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.weight = plain.weight
        self.kernel_size, self.stride = list(plain.kernel_size), list(plain.stride)
        self.padding = None if isinstance(plain, Conv2dSame) else int(plain.padding[0])

    def forward(self, x: Tensor) -> Tensor:
        padding = self.padding
        if padding is None:
            x, padding = pad_same(x, self.kernel_size, self.stride), 0
        weight = self.weight
        # Functions of one's own are not cast by autocast.
        if torch.is_autocast_enabled(x.device.type):
            kind = torch.get_autocast_dtype(x.device.type)
            x, weight = x.to(kind), weight.to(kind)
        return _Depthwise.apply(x, weight, self.stride[0], padding)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        context.save_for_backward(x, weight)
        context.stride, context.padding = stride, padding
        return conv2d(x, weight, stride=stride, padding=padding, groups=x.shape[1])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = context.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_x = of_weight = None
        if context.needs_input_grad[0]:
            of_x = _gradient_of_input(gradient, x, weight, context.stride, context.padding)
        if context.needs_input_grad[1]:
            of_weight = _gradient_of_kernel(gradient, x, weight, context.stride, context.padding)
        return of_x, of_weight, None, None


def _gradient_of_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    side, channels = weight.shape[-1], x.shape[1]
    spread = gradient
    if stride > 1:
        # What the convolution would have given at stride 1, with zeros where it was not evaluated.
        height, width = (length + 2 * padding - side + 1 for length in x.shape[2:])
        spread = torch.zeros(
            (x.shape[0], channels, height, width), dtype=gradient.dtype, device=gradient.device
        ).contiguous(memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = gradient
    return conv2d(spread, weight.flip(2, 3), padding=side - 1 - padding, groups=channels)


def _gradient_of_kernel(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    kind = weight.dtype
    if weight.shape[-1] > _QUICK_KERNEL:
        gradient, x, weight = gradient.float(), x.float(), weight.float()
    strides, paddings = (stride, stride), (padding, padding)
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, None, strides, paddings, (1, 1), False, (0, 0), x.shape[1], (False, True, False)
    )[1].to(kind)
