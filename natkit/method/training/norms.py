"""A batch norm over the images of several processes: what torch has for GPUs alone, on any device."""

import copy

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

BATCH_NORM = nn.modules.batchnorm._BatchNorm  # the one name for those of 1, 2 and 3 dimensions


def gathered(encoder: nn.Module) -> nn.Module:
    """A twin of ``encoder`` for training, whose batch norms see the images of all processes.

    The twin has the same weights and buffers, not copies: what one learns, the other knows. On a GPU the norms are
    torch's SyncBatchNorm; elsewhere, where that refuses to work, :class:`GatheredNorm`.
    """
    held = {id(tensor): tensor for tensor in (*encoder.parameters(), *encoder.buffers())}
    twin = copy.deepcopy(encoder, held).train()
    if next(encoder.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(twin)
    for path, layer in list(twin.named_modules()):
        if isinstance(layer, BATCH_NORM):
            twin.set_submodule(path, GatheredNorm(layer))
    return twin


class GatheredNorm(nn.Module):
    """The batch norm ``layer`` in training, with mean and variance of the images of all processes.

    Every process brings as many images. Two small messages a step, one each way; else it costs what a batch norm does.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer
        out, mean, var = _Norm.apply(x, layer.weight, layer.bias, layer.eps)
        n = dist.get_world_size() * x.numel() / x.shape[1]
        with torch.no_grad():
            layer.num_batches_tracked += 1
            layer.running_mean.lerp_(mean, layer.momentum)
            layer.running_var.lerp_(var * (n / (n - 1)), layer.momentum)
        return out


class _Norm(torch.autograd.Function):
    """Ioffe and Szegedy, ICML 2015, with the sums over all processes.

    The variance of all is the mean of the variances plus the variance of the means: no difference of large sums.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float):
        own = torch.stack(torch.batch_norm_update_stats(x, None, None, 0.0))
        every = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(every, own)
        means, variances = torch.stack(every, dim=1)
        mean = means.mean(dim=0)
        var = (variances + (means - mean) ** 2).mean(dim=0)
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var)
        return functional.batch_norm(x, mean, var, weight, bias, False, 0.0, eps), mean, var

    @staticmethod
    def backward(ctx, slope: Tensor, *_):
        x, weight, mean, var = ctx.saved_tensors
        scale = (var + ctx.eps).rsqrt()
        # with fixed mean and variance; then what x does to them
        fixed = (slope, x, weight, mean, var, mean, scale, False, ctx.eps, [True] * 3)
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(*fixed)
        every = torch.stack([to_weight, to_bias])
        dist.all_reduce(every)
        n = dist.get_world_size() * x.numel() / x.shape[1]
        by_weight, by_bias = weight * scale * every / n
        shape = (1, -1) + (1,) * (x.ndim - 2)
        steep = scale * by_weight
        to_x.addcmul_(x, -steep.view(shape)).add_((steep * mean - by_bias).view(shape))
        return to_x, to_weight, to_bias, None
