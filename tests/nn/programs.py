"""Texts that behave the same in both libraries: reprs, values, errors. `sides.run` says how they are read."""

# Layers whose first weights, names and repr are compared; all draw from seed 3.
LAYERS = """
Linear(20, 30)|Linear(3, 4, bias=False)|Linear(300, 7, dtype=torch.float16)|Linear(5, 2, dtype=torch.float64)
Conv1d(16, 33, 3, stride=2)|Conv1d(2, 2, 4, padding='same')|Conv1d(64, 3, 3, dtype=torch.float64)
Conv2d(2, 4, (3, 5), 2, (1, 2), 3, 2, False, 'reflect')|Conv2d(8, 8, 3, dtype=torch.bfloat16)
Conv2d(6, 6, [3, 2], groups=6)|Conv2d(2, 3, 3, padding='valid', padding_mode='circular')
Conv2d(2, 3, 3, padding=(1, 0))|Conv3d(2, 4, 3)|Conv2d(2, 3, (3,))
ConvTranspose1d(4, 6, 3, stride=2, output_padding=1, groups=2)|ConvTranspose2d(1, 2, 3, output_padding=1, stride=2)
ConvTranspose3d(1, 2, 3, padding=1, dilation=2)|BatchNorm1d(3, affine=False)|BatchNorm2d(3)
BatchNorm3d(4, momentum=None)|InstanceNorm2d(3)|RMSNorm((3, 4))|RMSNorm(4, 1e-3, False)
LayerNorm((3, 4))|LayerNorm(3, bias=False)|GroupNorm(2, 4)|PReLU(3)
CrossEntropyLoss(torch.ones(3))|Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2))
ModuleDict({'b': nn.Linear(1, 1), 'a': nn.ReLU()})
ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU(), nn.Sequential(nn.Linear(1, 1))])
ParameterList([torch.ones(2), nn.Parameter(torch.tensor(1.0)), 3])|ParameterDict({'b': torch.ones(2, 3), 'a': 5})
"""

REPRS = """
Unfold(3)|Unfold((3, 3), stride=2)|Fold((4, 5), 3, padding=1)|MaxPool2d(2)|MaxPool2d((2, 3), stride=1)
MaxPool1d(2, ceil_mode=True)|AvgPool2d(3, divisor_override=2)|AvgPool1d(3)|AvgPool1d((3,))|AvgPool3d(3)
AdaptiveAvgPool2d((1, None))|AdaptiveAvgPool1d(3)|Softmax(1)|LogSoftmax(-1)|Dropout(0.3, True)|Dropout2d()|ELU()
ELU(2.0, True)|ReLU(True)|ReLU6()|ReLU6(True)|LeakyReLU(0.2)|LeakyReLU(0.2, True)|GELU()|GELU('tanh')|SiLU()|SiLU(True)
Sigmoid()|Tanh()|Hardtanh(-1, 2)|Softplus()|Softplus(2, 3)|Identity(3, a=4)|Flatten()|NLLLoss()|Softmax()|Mish()
Hardswish()|Hardsigmoid()|Softsign()|LogSigmoid()|SELU()|GLU()|ZeroPad2d(1)|ZeroPad1d((1, 2))|ConstantPad3d(1, 2.5)
ReflectionPad1d((1, 2))|CircularPad2d(3)|ReplicationPad3d(1)|Softmax2d()|Softmin()|Tanhshrink()|LazyConv1d(3, 2)
LazyLinear(4, False)|LazyConvTranspose2d(3, (2, 1), output_padding=1)|LazyBatchNorm2d()|LazyConv2d(3, 3, bias=False)
Unflatten(1, (2, 3))|ModuleList()|Sequential()|Sequential(nn.ReLU())|Parameter(torch.ones(2))
Parameter(torch.ones(2), False)|Buffer(torch.ones(2))|UninitializedParameter()|LazyLinear(3).weight
Conv2d(1, 1, 1).state_dict().keys()|Sequential(nn.Linear(1, 1)).load_state_dict({}, strict=False)
"""

# Differentiable functions of x (and y where it is there), compared with gradients and second gradients.
FUNCTIONS = """
F.relu(x)|F.relu6(4 * x)|F.hardtanh(x, -0.3, 0.6)|F.leaky_relu(x, 0.2)|F.elu(x, 1.3)|F.selu(x)|F.gelu(x)
F.gelu(x, approximate='tanh')|F.silu(x)|F.mish(x)|F.softplus(x, 2, 3)|F.hardswish(3 * x)|F.logsigmoid(x)|F.softsign(x)
F.tanhshrink(x)|F.glu(x, 1)|F.glu(x, 2)|F.sigmoid(x)|F.tanh(x)|F.softmax(x, 1)|F.softmin(x, 0)|F.log_softmax(x, -1)
F.prelu(x, y[0, 0, 0, :1])|F.prelu(x, y[0, :, 0, 0])|F.relu(x * 1, inplace=True)|F.leaky_relu(x * 1, 0.3, inplace=True)
F.elu(x * 1, inplace=True)|F.hardtanh(x * 1, inplace=True)|F.silu(x * 1, inplace=True)|F.normalize(x)
F.normalize(x, p=3.0, dim=2)|F.mse_loss(x, y)|F.mse_loss(x, y, reduction='sum')|F.mse_loss(x, y, reduction='none')
F.l1_loss(x, y)|F.l1_loss(x, y, reduction='none')|F.smooth_l1_loss(x, y)
F.smooth_l1_loss(x, y, beta=0.3, reduction='sum')|F.huber_loss(x, y, delta=0.4)|F.huber_loss(x, y, reduction='none')
F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction='batchmean')
F.kl_div(F.log_softmax(x, 1), F.log_softmax(y, 1), reduction='sum', log_target=True)
F.binary_cross_entropy(x.sigmoid(), y.sigmoid())|F.binary_cross_entropy(x.sigmoid(), y.sigmoid(), reduction='none')
F.binary_cross_entropy_with_logits(x, y.sigmoid())|F.binary_cross_entropy_with_logits(x, y.sigmoid(), pos_weight=c[:5])
F.cross_entropy(x, t)|F.cross_entropy(x, t, reduction='sum')|F.cross_entropy(x, t, reduction='none')
F.cross_entropy(x, t, c)|F.cross_entropy(x, t, c, ignore_index=1)
F.cross_entropy(x, t, c, reduction='none', ignore_index=2)|F.cross_entropy(x, t, label_smoothing=0.2)
F.cross_entropy(x, t, c, label_smoothing=0.2, ignore_index=0)
F.cross_entropy(x, t, c, label_smoothing=0.2, reduction='none')
F.cross_entropy(x, t, c, label_smoothing=0.3, reduction='sum')|F.cross_entropy(x, y.softmax(1))
F.cross_entropy(x, y.softmax(1), c, label_smoothing=0.1)|F.cross_entropy(x, y.softmax(1), reduction='none')
F.cross_entropy(x[:, :, 0, 0], t[:, 0, 0])|F.cross_entropy(x[:, :, 0], t[:, 0], c)
F.cross_entropy(x[0, :, 0, 0], t[0, 0, 0])|F.cross_entropy(x[0, :, 0, 0], t[0, 0, 0], reduction='none')
F.cross_entropy(x[0, :, 0, 0], y[0, :, 0, 0].softmax(0))|F.nll_loss(x, t)|F.nll_loss(x, t, c, ignore_index=3)
F.nll_loss(x[:, :, 0, 0], t[:, 0, 0], reduction='none')|F.batch_norm(x, None, None, training=True)
F.batch_norm(x, None, None, w, w, True, 0.1, 1e-3)|F.batch_norm(x, c * 0, c + 1, w, training=False)
F.rms_norm(x, (4, 5))|F.rms_norm(x, (5,), y[0, 0, 0], 1e-3)
F.layer_norm(x, (4, 5))|F.layer_norm(x, (5,), y[0, 0, 0], y[0, 0, 1])|F.group_norm(x, 2)|F.group_norm(x, 3, w, w)
F.instance_norm(x)|F.instance_norm(x, weight=w, bias=w)|F.max_pool2d(x, 2)|F.avg_pool2d(x, 2, padding=1)
F.adaptive_avg_pool2d(x, 2)|F.linear(x, y[0, 0])|F.unfold(x, 2)|F.dropout(x, 0.4)|F.dropout2d(x, 0.5)|F.dropout(x, 1.0)
F.dropout(x, 0.0)|F.dropout1d(x[0], 0.5)|F.dropout3d(x, 0.5)|F.dropout(x * 1, 0.4, inplace=True)
"""

VALUES = """
m = nn.LazyBatchNorm2d(); y = m(torch.rand(2, 3, 4, 4)); [y, m.state_dict(), repr(m)]
list(nn.LazyBatchNorm1d(bias=False).state_dict())
m = nn.Linear(3, 2); m(torch.ones(1, 3)).sum().backward(); nn.utils.clip_grad_norm_(m.parameters(), 0.5); m.bias.grad
m = nn.Linear(3, 2); m(torch.ones(1, 3)).sum().backward(); nn.utils.clip_grad_norm_(m.parameters(), 0.5, 1.0)
m = nn.Linear(3, 2); m(torch.ones(1, 3)).sum().backward(); nn.utils.clip_grad_norm_(m.parameters(), 9, np.inf)
m = nn.Linear(3, 2); nn.utils.vector_to_parameters(torch.arange(8.0), m.parameters()); m.state_dict()
x = torch.linspace(-5, 5, 7).requires_grad_(); F.hardsigmoid(x).sum().backward(); [F.hardsigmoid(x), x.grad]
F.one_hot(torch.tensor([1, 2]), 5)|F.one_hot(torch.tensor(2))|F.one_hot(torch.tensor([[0], [2]]))
F.cross_entropy(torch.zeros(0, 5), torch.ones(0, dtype=torch.int64))
F.cross_entropy(torch.zeros(2, 5), torch.tensor([-100, -100]))
F.cross_entropy(torch.zeros(2, 5), torch.tensor([1, 2], dtype=torch.uint8))
F.mse_loss(torch.ones(0, 2), torch.ones(0, 2))
F.binary_cross_entropy(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 1.0]))|F.gelu(torch.tensor([-1.0, 2.0]).bfloat16())
F.softmax(torch.tensor([1, 2]), 0, dtype=torch.float32)|F.relu(torch.tensor([-1, 2]))|F.relu6(torch.tensor([-1, 9]))
F.silu(torch.tensor([-200.0, 200.0]))|F.logsigmoid(torch.tensor([-200.0, 200.0]))
F.softplus(torch.tensor([-200.0, 200.0]))|F.mish(torch.tensor([-200.0, 200.0]))|F.elu(torch.tensor([-200.0, 200.0]))
F.gelu(torch.tensor([-200.0, 0.0, 200.0]))|m = nn.BatchNorm1d(3); m(torch.arange(12.0).reshape(4, 3)); m.state_dict()
m = nn.BatchNorm2d(3, momentum=None); m(torch.rand(4, 3, 2, 2)); m(torch.rand(4, 3, 2, 2)); m.state_dict()
m = nn.BatchNorm2d(3, track_running_stats=False).eval(); m(torch.rand(4, 3, 2, 2))
m = nn.BatchNorm1d(3).eval(); m(torch.rand(4, 3, 5))
m = nn.InstanceNorm1d(3, track_running_stats=True); m(torch.rand(3, 5)); m.state_dict()
nn.Linear(4, 3).double()(torch.ones(2, 4, dtype=torch.float64))|nn.Conv1d(2, 2, 3).double().weight
nn.init.xavier_uniform_(torch.empty(4, 5))|nn.init.xavier_normal_(torch.empty(4, 5, 3), 2.0)
nn.init.kaiming_normal_(torch.empty(7, 5))|nn.init.kaiming_uniform_(torch.empty(4, 5, 2), 0.1, 'fan_out', 'relu')
nn.init.normal_(torch.empty(5), 2, 3)|nn.init.uniform_(torch.empty(5), 2, 3)
nn.init.trunc_normal_(torch.empty(100), 1.0, 2.0, 0.0, 2.5)|nn.init.orthogonal_(torch.empty(3, 5), 2)
nn.init.orthogonal_(torch.empty(4, 2, 2))|nn.init.orthogonal_(torch.empty(6, 2))|nn.init.dirac_(torch.ones(4, 2, 3), 2)
nn.init.dirac_(torch.ones(4, 2, 2, 2))|nn.init.eye_(torch.ones(2, 3))|nn.init.sparse_(torch.empty(4, 3), 0.5)
nn.init.constant_(torch.empty(2), 3)|nn.init.ones_(torch.zeros(2, dtype=torch.int64))
nn.init.calculate_gain('leaky_relu', 0.2)|nn.init.calculate_gain('tanh')|nn.init.calculate_gain('conv_transpose2d')
nn.init.calculate_gain('selu')|nn.init._calculate_fan_in_and_fan_out(torch.ones(3, 4, 5))
nn.init._calculate_correct_fan(torch.ones(3, 4), 'FAN_OUT')|nn.Embedding if False else 1
[n for n, _ in nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)).named_parameters('x')]
[n for n, _ in nn.Sequential(nn.Sequential(nn.ReLU()), nn.ReLU()).named_modules()]
[n for n, _ in nn.Sequential(nn.BatchNorm1d(1), nn.ReLU()).named_buffers()]
l = nn.Linear(1, 1); [n for n, _ in nn.Sequential(l, l).named_parameters()]
l = nn.Linear(1, 1); [n for n, _ in nn.Sequential(l, l).named_parameters(remove_duplicate=False)]
l = nn.Linear(1, 1); list(nn.Sequential(l, l).state_dict())|l = nn.ReLU(); len(list(nn.Sequential(l, l).children()))
nn.Sequential(nn.Linear(1, 1)).state_dict()._metadata
[g.numel() for g in nn.ConvTranspose2d(4, 6, 3, groups=2).parameters()]
s = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.GELU()); del s[1]; repr(s)
s = nn.Sequential(nn.ReLU(), nn.Tanh()); repr(s.insert(-1, nn.GELU()))
s = nn.Sequential(nn.ReLU(), nn.Tanh()); repr(s * 2 + s)|s = nn.Sequential(nn.ReLU()); s *= 3; repr(s)
repr(nn.Sequential(nn.ReLU(), nn.Tanh())[1:])
m = nn.ModuleList([nn.ReLU(), nn.Tanh()]); m.insert(0, nn.GELU()); m[-1] = nn.SiLU(); del m[1]; repr(m)
list(nn.ParameterDict({'b': torch.ones(1), 'a': torch.ones(1)}).state_dict())
list(nn.ParameterList([torch.ones(1), 3, torch.ones(2)]).state_dict())
"""

# Failing calls: the kind of error, and how its first line begins.
FAILURES = """
nn.Linear(-1, 2)|nn.Linear(2.5, 2)|nn.Linear('a', 2)|nn.Linear(3, 2, dtype=torch.int64)
nn.Conv2d(2, 3, 3, dtype=torch.int32)|nn.Conv1d(3, 2, 3, groups=2)|nn.Conv1d(2, 3, 3, groups=2)
nn.Conv1d(2, 3, 3, groups=0)|nn.Conv1d(2, 2, 3, padding='same', stride=2)|nn.Conv2d(-2, 3, 3)|nn.Conv2d(2, 3, 3.5)
nn.Conv2d(2, 3, 'a')|nn.Conv2d(1, 1, 2**62)|nn.LazyConv1d(3, 1, groups=0)|nn.LazyConv2d(3, 3)(torch.ones(5))
nn.LazyConv2d(3, 3)(torch.ones(2, 3))|nn.LazyConv1d(4, 1, groups=2)(torch.ones(1, 3, 5))
nn.LazyConv1d(3, 1, groups=2)(torch.ones(1, 4, 5))|nn.LazyLinear(3)(torch.tensor(1.0))|nn.LazyLinear(3)(5)
nn.LazyConv1d(3, 9)(torch.ones(1, 2, 5))|nn.LazyLinear(3).weight.shape|nn.LazyLinear(3).weight.share_memory_()
nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())|nn.Flatten()(torch.tensor(1.0))
nn.Flatten(0, 5)(torch.ones(2, 3))|nn.Flatten(1, 0)(torch.ones(2, 3))|nn.Unflatten(1, 5)|nn.Unflatten(1, [2, 'a'])
nn.Unflatten(1, (2, 2))(torch.ones(2, 3))|nn.Unflatten(5, (1, 2))(torch.ones(2))|nn.CircularPad2d(1)(torch.ones(2, 2))
nn.Dropout(2)|nn.Dropout(-1)|F.dropout(torch.ones(2), 1.5)|F.dropout(torch.tensor([1]), 0.5)|F.dropout1d(torch.ones(2))
nn.ReLU()(3)|nn.Sequential(3)|nn.Sequential([nn.ReLU()])|nn.Sequential({'a': nn.ReLU()})|nn.Sequential(nn.ReLU())[5]
nn.Sequential(nn.ReLU())['a']|nn.Sequential(nn.ReLU()) + 3|nn.Sequential(nn.ReLU()) * 1.5
nn.Sequential(nn.ReLU()).append(3)|nn.Sequential().insert(9, nn.ReLU())|nn.ModuleList(3)|nn.ModuleList([nn.ReLU()])(3)
nn.ModuleList()[0]|nn.ModuleList([3])|nn.ModuleDict([['a']])|nn.ModuleDict(3)|nn.ModuleDict({'a.b': nn.ReLU()})
nn.ModuleDict({1: nn.ReLU()})|nn.ModuleDict()['a']|nn.ParameterList()()|nn.ParameterList(torch.ones(2))
nn.ParameterDict({3: torch.ones(1)})|nn.ParameterDict({'a': 1})['z']|nn.Module()(3)|nn.Module(3)|nn.Module(a=3)
nn.Linear(1, 1).nothing|setattr(nn.Linear(1, 1), 'weight', torch.ones(1))|setattr(nn.Linear(1, 1), 'weight', 'x')
setattr(nn.Sequential(nn.ReLU()), '0', 3)|setattr(nn.BatchNorm1d(1), 'running_var', 3)
nn.Module().register_parameter('a.b', None)|nn.Module().register_parameter('', None)
nn.Module().register_parameter('forward', None)|nn.Module().register_parameter('q', torch.ones(2))
nn.Module().register_parameter(3, None)|nn.Module().register_parameter('q', nn.Parameter(torch.ones(2)) * 2)
nn.Module().register_buffer('a.b', None)|nn.Module().register_buffer('q', 3)|nn.Module().register_buffer('', None)
nn.Module().register_buffer('train', None)|nn.Module().register_buffer(3, None)|nn.Module().add_module('a.b', None)
nn.Module().add_module('', None)|nn.Module().add_module('train', None)|nn.Module().add_module('q', 3)
nn.Module().add_module(3, None)|nn.Linear(1, 1).train('x')|nn.Linear(1, 1).type(torch.int32)|nn.Linear(1, 1).train(1)
nn.Linear(1, 1).to(torch.int64)|nn.Linear(1, 1).apply(3)|nn.Linear(1, 1).load_state_dict({})
nn.Linear(1, 1).load_state_dict(3)|nn.Linear(1, 1).get_submodule('x')|nn.Linear(1, 1).get_submodule('bias')
nn.Linear(1, 1).get_parameter('x')|nn.Sequential(nn.ReLU()).get_parameter('0')|nn.Linear(1, 1).get_buffer('weight')
nn.Linear(1, 1).set_submodule('', nn.ReLU())|nn.Linear(1, 1).set_submodule('a', 3)
nn.Linear(1, 1).set_submodule('a.b', nn.ReLU())|nn.Linear(1, 1).set_submodule('weight', nn.ReLU())
nn.Linear(1, 1).set_submodule('a', nn.ReLU(), strict=True)|delattr(nn.Linear(1, 1), 'zz')
nn.Parameter(torch.ones(2, dtype=torch.int64))|nn.Parameter([1.0, 2.0])|nn.Parameter(3.0)|nn.Hardtanh(2, 1)
F.hardtanh(torch.ones(1), 2, 1)|F.gelu(torch.ones(1), approximate='x')|F.gelu(torch.tensor([1]))
F.leaky_relu(torch.tensor([1]))|F.silu(torch.tensor([1]))|F.elu(torch.tensor([1]))|F.softplus(torch.tensor([1]))
F.softmax(torch.tensor([1]), 0)|F.softmax(torch.ones(2), 5)|F.prelu(torch.ones(2, 3), torch.ones(2))
F.glu(torch.ones(3))|F.one_hot(torch.tensor([1, 2]), 2)|F.one_hot(torch.tensor([1, -2]))|F.one_hot(torch.tensor([1.0]))
F.one_hot(torch.tensor([], dtype=torch.int64))|F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 5]))
F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, -1]))|F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0]))
F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 2], dtype=torch.int32))
F.cross_entropy(torch.ones(3, 5), torch.tensor([1.0, 0, 2]))|F.cross_entropy(torch.ones(3, 5), torch.ones(3, 4))
F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 2]), reduction='x')
F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 2]), torch.ones(4))
F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 2]), torch.ones(5).double())|F.cross_entropy(torch.ones(3, 5), 3)
F.cross_entropy(3, torch.ones(3))|F.cross_entropy(torch.ones(3, 5), torch.tensor([1, 0, 2]), label_smoothing=2.0)
F.cross_entropy(torch.ones(2, 5, 3), torch.ones(2, 4, dtype=torch.int64))
F.cross_entropy(torch.ones(2, 5, 3, 3), torch.ones(2, 3, dtype=torch.int64))
F.cross_entropy(torch.ones(2, 5, 3, 3), torch.ones(2, 3, 2, dtype=torch.int64))
F.cross_entropy(torch.tensor(2.0), torch.tensor(0))
F.cross_entropy(torch.ones(3, 5, dtype=torch.int64), torch.tensor([1, 0, 2]))
F.nll_loss(torch.ones(3, 5), torch.ones(3))|F.nll_loss(torch.ones(3, 5), torch.ones(2, dtype=torch.int64))
F.mse_loss(torch.tensor([1]), torch.tensor([1]))|F.mse_loss(torch.ones(2), torch.ones(2), reduction='x')
F.smooth_l1_loss(torch.ones(1), torch.ones(1), beta=-1)|F.huber_loss(torch.ones(1), torch.ones(1), delta=-1.0)
F.binary_cross_entropy(torch.tensor([1.5]), torch.tensor([1.0]))
F.binary_cross_entropy(torch.tensor([0.5]), torch.ones(2))
F.binary_cross_entropy_with_logits(torch.tensor([0.5]), torch.ones(2))
F.batch_norm(torch.ones(1, 3), None, None, training=True)|F.batch_norm(torch.ones(2, 3), torch.zeros(2), torch.ones(3))
nn.BatchNorm2d(3)(torch.ones(2, 3))|nn.BatchNorm1d(3)(torch.ones(3))|F.layer_norm(torch.ones(2, 3), (4,))
F.rms_norm(torch.ones(2, 3), (4,))|F.rms_norm(torch.ones(2, 3), ())
F.layer_norm(torch.ones(2, 3), (3,), torch.ones(2))|F.group_norm(torch.ones(2, 4, 3), 2, torch.ones(3))
F.group_norm(torch.ones(2, 4, 3), 3)|nn.GroupNorm(3, 4)|nn.init.calculate_gain('x')
nn.init.calculate_gain('leaky_relu', True)|nn.init._calculate_fan_in_and_fan_out(torch.ones(3))
nn.init.xavier_uniform_(torch.ones(3))|nn.init._calculate_correct_fan(torch.ones(3, 4), 'x')
nn.init.eye_(torch.ones(3))|nn.init.dirac_(torch.ones(2, 3))|nn.init.dirac_(torch.ones(3, 2, 3), 2)
nn.init.orthogonal_(torch.ones(3))|nn.init.sparse_(torch.ones(3), 0.1)|nn.init.uniform_(torch.ones(3), 1, 0)
nn.init.normal_(torch.ones(3), 1, -1)|nn.init.kaiming_uniform_(torch.ones(2, 3), nonlinearity='x')
nn.init.kaiming_uniform_(torch.ones(2, 3), mode='x')
l = nn.Linear(1, 1); l.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True); l(torch.ones(1))
l = nn.Linear(1, 1); l.register_load_state_dict_post_hook(lambda m, k: 1); l.load_state_dict(l.state_dict())
l = nn.Linear(1, 1); l.register_state_dict_post_hook(lambda *a: 1); l.state_dict()
"""

# Failing calls that are worded otherwise here: the kind of error alone.
OTHERWISE_WORDED = """
nn.Conv2d(2.0, 3, 3)|nn.LazyLinear(3).weight.numel()|nn.LazyLinear(3).weight + 1|nn.LazyLinear(3).weight.detach()
nn.init.zeros_(nn.LazyLinear(3).weight)|len(nn.LazyLinear(3).weight)|nn.LazyLinear(3).weight.dim()
sum(p.numel() for p in nn.LazyConv1d(3, 2).parameters())|F.linear(torch.ones(2), nn.LazyLinear(3).weight)
"""

# Calls that warn; the texts are compared, and the values.
WARNINGS = """
nn.init.uniform(torch.ones(0))|nn.Linear(0, 2)|nn.Conv1d(2, 0, 3)|F.softmax(torch.ones(2, 2))
nn.Softmax()(torch.ones(2))|nn.MSELoss()(torch.ones(2, 1), torch.ones(1))
nn.CrossEntropyLoss(size_average=True).reduction|F.mse_loss(torch.ones(2), torch.ones(2), reduce=False)
nn.init.trunc_normal_(torch.ones(0), 9.0)|F.l1_loss(torch.ones(2), torch.ones(2), size_average=False)
F.kl_div(torch.ones(2), torch.ones(2))|nn.init.kaiming_normal_(torch.ones(0, 3))|F.dropout2d(torch.ones(2, 3, 4), 0.0)
F.dropout2d(torch.ones(2, 3), 0.0)
"""


def lines(block: str) -> list[str]:
    """The texts of a block."""
    return [text.strip() for line in block.strip().splitlines() for text in line.split("|")]
