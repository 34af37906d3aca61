"""The sentences of explanations in Simplified Chinese: English in, Chinese out. `words` looks them up."""

CHINESE: dict[str, str] = {
    # words
    " and ": "和",
    "; ": "；",
    "MACs": "乘加次数",
    "batch": "批",
    "bias": "偏置",
    "blocks": "块",
    "channels": "通道",
    "channels·taps": "通道·抽头",
    "class": "类",
    "computed": "计算方式：",
    "depth": "深度",
    "features": "特征",
    "field": "感受野",
    "height": "高度",
    "image": "图像",
    "input": "输入",
    "kept": "不变",
    "layer": "层",
    "length": "长度",
    "memory": "内存",
    "multiply-accumulates": "乘加次数",
    "output": "输出",
    "padding": "填充",
    "parameters": "参数",
    "play or stop": "播放或停止",
    "receptive field": "感受野",
    "shared": "共享",
    "step": "步",
    "weight": "权重",
    "why this size": "尺寸的由来",
    # axes of weights
    "out_channels": "out_channels",
    "in_channels": "in_channels",
    "in_channels / groups": "in_channels / groups",
    "out_channels / groups": "out_channels / groups",
    "out_features": "out_features",
    "in_features": "in_features",
    "depth taps": "深度抽头",
    "height taps": "高度抽头",
    "width taps": "宽度抽头",
    "length taps": "长度抽头",
    "width": "宽度",
    # terms of the rules
    "input positions on this axis": "这条轴上的输入位置数",
    "output positions on this axis": "这条轴上的输出位置数",
    "weight positions on this axis (the kernel size)": "这条轴上的权重位置数（即卷积核大小）",
    "input positions from one output to the next": "相邻两个输出之间相隔的输入位置数",
    "input positions from one tap to the next": "相邻两个抽头之间相隔的输入位置数",
    "output positions from one input to the next": "相邻两个输入之间相隔的输出位置数",
    "output positions from one tap to the next": "相邻两个抽头之间相隔的输出位置数",
    "padding before the first position": "第一个位置之前的填充",
    "padding behind the last position": "最后一个位置之后的填充",
    "cropped before the first position": "开头被裁去的位置数",
    "cropped behind the last position": "末尾被裁去的位置数",
    "positions added behind the transposed output": "转置输出末尾多出的位置数",
    "padding on both sides together": "两侧填充之和",
    "input positions from the first tap to the last": "从第一个抽头到最后一个抽头的输入位置数",
    "number of the output position": "输出位置的编号",
    "examples in the batch": "批中的样本数",
    "channels of the input": "输入的通道数",
    "channels of the output": "输出的通道数",
    "groups of channels that do not mix": "互不相通的通道组数",
    "output positions, all axes multiplied": "各轴输出位置数之积",
    "taps, all axes multiplied": "各轴抽头数之积",
    "half before": "前面的一半",
    "the rest behind": "其余放在后面",
    # sizes
    "{name}  {size} → {out}": "{name}  {size} → {out}",
    "{name}  {size} → nothing: no output fits": "{name}  {size} → 无：一个输出也放不下",
    "{name}  {size} positions, {out} blocks": "{name}  {size} 个位置，{out} 个块",
    "features  {size} → {out}": "特征  {size} → {out}",
    "axes {start} … {end}  become axis {start}": "轴 {start} … {end} 合并为轴 {start}",
    "whole steps of {stride} behind the first output": "第一个输出之后还能走的整步数，每步 {stride}",
    "{n} position is left over at the end, too few for another output": "末尾剩下 {n} 个位置，不够再产生一个输出",
    "{n} positions are left over at the end, too few for another output": "末尾剩下 {n} 个位置，不够再产生一个输出",
    "the first output itself, which takes no step": "第一个输出本身，它不需要迈步",
    "every size from {low} to {high} gives {out} outputs": "从 {low} 到 {high} 的每个输入尺寸都得到 {out} 个输出",
    "stride {stride} makes {size} of every size from {low} to {high}, so the way back is a choice: "
    "output_padding={chosen} chooses {out} (it adds no zeros, it says where to stop)": (
        "步幅 {stride} 把从 {low} 到 {high} 的每个尺寸都变成 {size}，所以往回走时要作选择："
        "output_padding={chosen} 选的是 {out}（它不补零，只说明在哪里停止）"
    ),
    "y = x·Wᵀ + b on the last axis; every axis before it is kept as it is": (
        "在最后一条轴上计算 y = x·Wᵀ + b；它前面的轴都保持不变"
    ),
    "the last of these axes runs fastest; the batch (axis 0) stays where start_dim=1": (
        "其中最后一条轴变化最快；start_dim=1 时批（轴 0）保持不变"
    ),
    "columns  {taps} taps of {channels} channels = {rows} entries in each, the channel slowest": (
        "列  {channels} 个通道各 {taps} 个抽头 = 每列 {rows} 个数，通道变化最慢"
    ),
    "blocks   {out} = {blocks}, row by row": "块  {out} = {blocks}，逐行排列",
    "where blocks overlap their entries are added up, so Fold is not the inverse of Unfold": (
        "块重叠之处相加，所以 Fold 不是 Unfold 的逆运算"
    ),
    "channels come before length: data as (batch, length, channels) goes in by x.permute(0, 2, 1)": (
        "通道在长度之前：形如 (批, 长度, 通道) 的数据要先用 x.permute(0, 2, 1)"
    ),
    "lazy: in_features becomes {n} with this input": "惰性层：遇到这个输入后 in_features 成为 {n}",
    "lazy: in_channels becomes {n} with this input": "惰性层：遇到这个输入后 in_channels 成为 {n}",
    " or ": " 或 ",
    # pooling, and layers that keep the shape
    "minus 1: the last of these windows would begin behind the input and the padding before it, and is left out": (
        "再减 1：这些窗口中的最后一个会从输入及其前面的填充之后开始，因此不算在内"
    ),
    "positions of a window on this axis (the kernel size)": "一个窗口在这条轴上的位置数（即核大小）",
    "input positions from one of them to the next": "窗口内相邻两个位置之间相隔的输入位置数",
    "output number index reads the positions from start to stop − 1, which are {lengths}: {windows}": (
        "编号为 index 的输出读取从 start 到 stop − 1 的位置，共 {lengths} 个：{windows}"
    ),
    "the largest number of each window, channel by channel; there is nothing to learn": (
        "逐个通道取每个窗口中最大的数；没有可学习的参数"
    ),
    "padding is never the largest: it stands for minus infinity": "填充永远不是最大的：它代表负无穷",
    "the mean of each window, channel by channel; there is nothing to learn": (
        "逐个通道取每个窗口的平均值；没有可学习的参数"
    ),
    "padded zeros count in the mean: count_include_pad=True": "填充的零计入平均值：count_include_pad=True",
    "padded zeros do not count in the mean: count_include_pad=False": "填充的零不计入平均值：count_include_pad=False",
    "ceil_mode rounds up: the last window may reach over the end, where nothing is counted": (
        "ceil_mode 向上取整：最后一个窗口可以伸出末尾，那里什么也不计"
    ),
    "the shape stays as it is": "形状保持不变",
    "shape  {x} → {y}": "形状  {x} → {y}",
    "along axis {dim}: every number depends on all others of its line there": (
        "沿轴 {dim}：每个数都依赖于同一条线上的所有其他数"
    ),
    "axis {dim} is halved: the first half times the sigmoid of the second": (
        "轴 {dim} 减半：前一半乘以后一半的 sigmoid"
    ),
    "one axis becomes several; not a number changes": "一条轴变成几条轴；数值不变",
    "every number by itself: none sees another": "每个数各自计算，互不相干",
    "while training, each channel is zero with probability {p}, the others are divided by 1 − {p}": (
        "训练时每个通道以概率 {p} 变为零，其余除以 1 − {p}"
    ),
    "while training, each number is zero with probability {p}, the others are divided by 1 − {p}": (
        "训练时每个数以概率 {p} 变为零，其余除以 1 − {p}"
    ),
    "while training, each number is set to a constant with probability {p}; mean and variance are kept": (
        "训练时每个数以概率 {p} 变为一个常数；均值和方差保持不变"
    ),
    "nothing is changed: training is off": "什么也不改变：训练已关闭",
    "each channel is normalised with the running mean and variance, which training has collected": (
        "每个通道用训练时积累的滑动均值和方差归一化"
    ),
    "along axis {dim}: every number is divided by the norm of its line there": (
        "沿轴 {dim}：每个数除以它所在那条线的范数"
    ),
    "after eval() nothing is changed": "eval() 之后什么也不改变",
    "each channel is normalised over its {n} numbers: the batch and all positions": (
        "每个通道在它的 {n} 个数上归一化：整个批和所有位置"
    ),
    "after eval() with the running mean and variance, which training has collected": (
        "eval() 之后使用训练时积累的滑动均值和方差"
    ),
    "each channel of each example is normalised over its {n} positions": (
        "每个样本的每个通道在它的 {n} 个位置上归一化"
    ),
    "{groups} groups of {c} channels: each of every example is normalised over its {n} numbers": (
        "{groups} 组，每组 {c} 个通道：每个样本的每一组在它的 {n} 个数上归一化"
    ),
    "the last axes, {k} of them: their {n} numbers are normalised, at every place before them": (
        "最后 {k} 条轴：在它们之前的每个位置，对这 {n} 个数归一化"
    ),
    "(x − mean) / sqrt(variance + {eps})": "(x − 均值) / sqrt(方差 + {eps})",
    "the last axes": "最后几条轴",
    "added to the result, as many as weights": "加到结果上，个数与权重相同",
    # weights and cost
    "one number for each output feature": "每个输出特征一个数",
    "one number for each output channel": "每个输出通道一个数",
    "groups   {groups} groups that do not see each other: {a} channels in, {b} out in each; channels 0 … {i} "
    "make outputs 0 … {o}": (
        "分组  {groups} 组互不相通：每组 {a} 个输入通道、{b} 个输出通道；通道 0 … {i} 产生输出 0 … {o}"
    ),
    "{n} = {weights} weights + {bias} biases": "{n} = {weights} 个权重 + {bias} 个偏置",
    "{macs} = batch {batch} · {positions} outputs of a channel · {weights} weights": (
        "{macs} = 批 {batch} · 每通道 {positions} 个输出 · {weights} 个权重"
    ),
    "{macs} = batch {batch} · {positions} inputs of a channel · {weights} weights": (
        "{macs} = 批 {batch} · 每通道 {positions} 个输入 · {weights} 个权重"
    ),
    "{macs} = {batch} rows · {weights} weights": "{macs} = {batch} 行 · {weights} 个权重",
    "input {x}, parameters {w}, output {y}": "输入 {x}，参数 {w}，输出 {y}",
    "input {x}, output {y}": "输入 {x}，输出 {y}",
    "{field}: an output takes from at most so many inputs an axis": "{field}：每条轴上一个输出最多取自这么多个输入",
    "{field}: the input positions that one output depends on": "{field}：一个输出所依赖的输入位置",
    "{field} input positions from the first tap to the last, {taps} of them read": (
        "从第一个抽头到最后一个共 {field} 个输入位置，读取其中 {taps} 个"
    ),
    # how it is computed
    "as a matrix product over taps and channels, in blocks that fit registers and caches": (
        "对抽头和通道作矩阵乘法，分块以适合寄存器和缓存"
    ),
    "as one matrix product with all taps as its columns, which are added where they overlap": (
        "用一次矩阵乘法算出所有抽头的列，再在重叠处相加"
    ),
    "by Winograd's algorithm: tiles of outputs at once, with fewer multiplications than taps": (
        "用 Winograd 算法：一次算出一小片输出，乘法比逐个抽头少"
    ),
    "lane by lane: the channels of a group are too few for a matrix product": (
        "按向量的各个分量计算：每组通道太少，不宜作矩阵乘法"
    ),
    "channel by channel: few input channels are summed for each, and their rows are contiguous": (
        "逐个通道计算：每个输出通道只累加少数输入通道，而输入的各行在内存中是连续的"
    ),
    "declined by {engine}: {reason}": "{engine} 引擎拒绝了这次计算：{reason}",
    "by the reference engine: nothing is compiled for this dtype or machine": (
        "由参考引擎计算：这种数据类型或机器没有编译的内核"
    ),
    # notes
    "not the inverse of a convolution but its gradient: it gives back the shape, not the values": (
        "它不是卷积的逆运算，而是卷积的梯度：还原形状，不还原数值"
    ),
    "the taps span less than the stride: some outputs are reached by no tap and hold the bias": (
        "抽头的跨度小于步幅：有些输出没有任何抽头到达，只有偏置"
    ),
    "the kernel size is no multiple of the stride: outputs sum unequal numbers of taps (a checkerboard)": (
        "卷积核大小不是步幅的整数倍：各输出累加的抽头数不等（棋盘格现象）"
    ),
    "depthwise: every input channel is convolved on its own": "逐通道卷积：每个输入通道各自卷积",
    "one tap: the same as a Linear layer on the channels of every position": (
        "只有一个抽头：相当于在每个位置的通道上作 Linear"
    ),
    "padding mirrors the input at its ends, without repeating the end itself": "填充是输入在两端的镜像，端点本身不重复",
    "padding repeats the first and the last position": "填充重复第一个和最后一个位置",
    "padding continues with the other end of the input": "填充接着输入的另一端",
    "refused with {kind}": "被拒绝：{kind}",
    # pictures
    "a window": "一个窗口",
    "what it becomes": "由此得到的数",
    "channel {c}": "通道 {c}",
    "output {where} is the largest of the input at {there}": "输出 {where} 是输入 {there} 中最大的数",
    "output {where} is made of the input at {there}": "输出 {where} 由输入 {there} 得到",
    "a number": "一个数",
    "what the taps read": "抽头读取之处",
    "the output they make": "由此得到的输出",
    "the column they make": "由此得到的列",
    "one block": "一个块",
    "where it is added": "加到哪里",
    "cropped by padding": "被 padding 裁去",
    "one input": "一个输入",
    "one number": "一个数",
    "where it goes": "去往何处",
    "one padded position": "一个填充位置",
    "what it is a copy of": "它所复制的位置",
    "row of weights and the input: multiplied, summed": "一行权重与输入：相乘再相加",
    "columns: {rows} entries × blocks": "列：{rows} 个数 × 块",
    "output {where} = bias + Σ weight · input at {there}": "输出 {where} = 偏置 + Σ 权重 · 输入（{there}）",
    "output channel {o}, {where} = bias + Σ weight · input channels {c}, {there}": (
        "输出通道 {o}，{where} = 偏置 + Σ 权重 · 输入通道 {c}，{there}"
    ),
    "output {o} = bias {o} + Σ weight[{o}, i] · input i over {n} features": (
        "输出 {o} = 偏置 {o} + Σ 权重[{o}, i] · 输入 i，共 {n} 个特征"
    ),
    "input {where} times weight is added to the output at {there}": "输入 {where} 乘以权重，加到输出的 {there}",
    "input channel {c}, {where} times weight is added to output channels {o}, {there}": (
        "输入通道 {c}，{where} 乘以权重，加到输出通道 {o}，{there}"
    ),
    "block {n} ({where}) is the input at {there}": "块 {n}（{where}）是输入的 {there}",
    "block {n} is added to the image at {there}": "块 {n} 加到图像的 {there}",
    "input {position} becomes entry {n}": "输入 {position} 成为第 {n} 个数",
    "position {p} is {value}": "位置 {p} 是 {value}",
    "position {p} is a copy of {q}": "位置 {p} 复制自 {q}",
    "padding is filled with {value}": "填充的值是 {value}",
    "pads are written last axis first, two numbers an axis: before and after": (
        "填充从最后一条轴写起，每条轴两个数：前和后"
    ),
    "negative pads crop: those positions are gone": "负的填充是裁剪：那些位置不再存在",
    "{name} is drawn in part, as it is: positions {parts}": "{name}只画出一部分，如实画出：位置 {parts}",
    "{name}: left over at the end: {positions}": "{name}：末尾剩下 {positions}",
    "one plane is drawn; the taps read the same places of {n} input channels, and all is summed": (
        "只画一个平面；抽头在 {n} 个输入通道的同样位置读取，全部相加"
    ),
    "one plane is drawn; {n} input channels are added up in every output channel": (
        "只画一个平面；每个输出通道都累加 {n} 个输入通道"
    ),
    "the number in a cell: how many products are added there, for a pair of channels": (
        "格中的数：对一对通道而言，有多少个乘积加到这里"
    ),
    "{name}: output_padding={n} lets the output end {n} later; nothing is padded": (
        "{name}：output_padding={n} 让输出晚 {n} 个位置结束；并不填充什么"
    ),
    "the input goes on past its ends (padding_mode); only its own positions are drawn": (
        "输入按 padding_mode 向两端延续；这里只画它自己的位置"
    ),
    "groups: {n} blocks that do not see each other": "分组：{n} 组互不相通",
    "input channel {c}": "输入通道 {c}",
    "input channels {c}": "输入通道 {c}",
    "output channel {c}": "输出通道 {c}",
    "output channels {c}": "输出通道 {c}",
    "input: axes {a} as rows, the last one to the right": "输入：轴 {a} 排成行，最后一条轴向右",
    "output: axis {a}": "输出：轴 {a}",
    "drawn in part, as it is: entries {parts}": "只画出一部分，如实画出：第 {parts} 个数",
    "drawn in part: {a} of {b} outputs, {c} of {d} inputs": (
        "只画出一部分：{b} 个输出中的 {a} 个，{d} 个输入中的 {c} 个"
    ),
    "the same for every position of the axes before the last one": "对最后一条轴之前各轴的每个位置都一样",
    # summaries and comparisons
    "stopped at {name} ({kind}), whose input is {x}: {error}": "停在 {name}（{kind}），它的输入是 {x}：{error}",
    "{kind}: {parameters} parameters ({bytes} in float32), {macs} multiply-accumulates": (
        "{kind}：{parameters} 个参数（float32 下 {bytes}），{macs} 次乘加"
    ),
    "equal to {d}": "相等，误差 {d}",
    "equal, bit for bit": "逐位相等",
    "not equal: the shapes are {a} and {b}": "不相等：形状是 {a} 和 {b}",
    "not equal: they differ by {d}": "不相等：相差 {d}",
}
