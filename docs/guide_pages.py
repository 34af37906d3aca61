"""What the guide says that a layer cannot say by itself: purposes, and the questions people ask.

A page is (file, title, the layer, its input, purpose, mistakes); a mistake is (question, layer or call, shapes). Texts
are pairs: English, Chinese. Everything with a number in it is left to `explain`.
"""

PAGES = [
    (
        "linear", "Linear", "Linear(20, 30)", ((128, 20),),
        ("Every output is a weighted sum of all inputs of a row.", "每个输出都是一行中所有输入的加权和。"),
        [
            (("The last axis must be in_features long.", "最后一条轴的长度必须等于 in_features。"),
             "Linear(20, 30)", ((20, 128),)),
            (("An image goes in flattened.", "图像要先展平再输入。"), "Linear(784, 10)", ((32, 1, 28, 28),)),
        ],
    ),
    (
        "flatten", "Flatten", "Flatten()", ((32, 3, 4, 5),),
        ("Axes become one axis; not a number changes.", "把几条轴合并成一条轴；数值不变。"),
        [
            (("Axis 0 is the batch: Flatten() begins at axis 1, an unbatched image needs Flatten(0).",
              "轴 0 是批：Flatten() 从轴 1 开始，没有批的图像要用 Flatten(0)。"), "Flatten()", ((3, 4, 5),)),
            (("start_dim must not come after end_dim.", "start_dim 不能在 end_dim 之后。"),
             "Flatten(2, 1)", ((32, 3, 4, 5),)),
        ],
    ),
    (
        "conv1d", "Conv1d", "Conv1d(4, 6, 3, stride=2, padding=1)", ((1, 4, 17),),
        ("Windows move along a line, time for instance; all channels are read under each tap.",
         "窗口沿一条线（例如时间）移动；每个抽头读取所有通道。"),
        [
            (("Why permute? Channels come before length.", "为什么要 permute？因为通道在长度之前。"),
             "Conv1d(16, 33, 3)", ((20, 50, 16),)),
            (("'same' needs stride 1.", "'same' 要求步幅为 1。"),
             "F.conv1d(x, w, stride=2, padding='same')", ((1, 4, 17), (6, 4, 3))),
        ],
    ),
    (
        "conv2d", "Conv2d", "Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))",
        ((20, 16, 50, 100),),
        ("Windows move over a plane. Why is the output 26 high and not 25, or 27? The sizes below say.",
         "窗口在平面上移动。为什么输出高 26，而不是 25 或 27？请看下面的尺寸。"),
        [
            (("Images with the channels last must be permuted.", "通道在最后的图像要先 permute。"),
             "Conv2d(3, 8, 3)", ((8, 32, 32, 3),)),
            (("The kernel, dilation included, must fit into the padded input.",
              "卷积核（连同膨胀）必须放得进填充后的输入。"),
             "Conv2d(3, 8, 3, dilation=4)", ((1, 3, 7, 7),)),
            (("Groups: the weight has in_channels / groups channels.", "分组：权重有 in_channels / groups 个通道。"),
             "F.conv2d(x, w, groups=2)", ((1, 4, 9, 9), (6, 4, 3, 3))),
        ],
    ),
    (
        "conv3d", "Conv3d", "Conv3d(2, 4, 3, padding=1)", ((1, 2, 5, 6, 6),),
        ("Windows move through a volume, or through the frames of a film.", "窗口在体数据或视频的各帧中移动。"),
        [
            (("A batch of images is not a volume: depth is an axis of its own.",
              "一批图像不是体数据：深度是单独的一条轴。"),
             "Conv3d(3, 4, 3)", ((8, 3, 32, 32),)),
        ],
    ),
    (
        "groups", "groups, depthwise", "Conv2d(32, 64, 3, padding=1, groups=32)", ((1, 32, 28, 28),),
        ("What groups do: channels are cut into blocks that do not see each other.",
         "分组的作用：把通道切成互不相通的几块。"),
        [
            (("Groups must divide the channels.", "组数必须整除通道数。"),
             "F.conv1d(x, w, groups=3)", ((1, 4, 9), (6, 1, 3))),
        ],
    ),
    (
        "conv_transpose1d", "ConvTranspose1d", "ConvTranspose1d(4, 2, 4, stride=3, padding=1)", ((1, 4, 8),),
        ("Every input is spread over the outputs under the taps: the gradient of Conv1d.",
         "每个输入按抽头散布到输出上：它是 Conv1d 的梯度。"),
        [
            (("Here in_channels is the weight's first axis.", "这里权重的第一条轴是 in_channels。"),
             "F.conv_transpose1d(x, w)", ((1, 4, 8), (2, 4, 3))),
        ],
    ),
    (
        "conv_transpose2d", "ConvTranspose2d", "ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)",
        ((1, 16, 4, 4),),
        ("Why is it not the inverse of Conv2d? It gives back the shape, and adds up where taps overlap.",
         "为什么它不是 Conv2d 的逆？它还原形状，抽头重叠之处则相加。"),
        [
            (("output_padding says which of the possible sizes is meant; it must be smaller than the stride.",
              "output_padding 说明要的是哪个可能的尺寸；它必须小于步幅。"),
             "ConvTranspose2d(16, 8, 3, stride=2, output_padding=2)", ((1, 16, 4, 4),)),
        ],
    ),
    (
        "conv_transpose3d", "ConvTranspose3d", "ConvTranspose3d(2, 2, 2, stride=2)", ((1, 2, 2, 3, 3),),
        ("Every input is spread over a volume of outputs: the gradient of Conv3d.",
         "每个输入散布到一个体积的输出上：它是 Conv3d 的梯度。"),
        [
            (("Padding crops the output here.", "这里的 padding 裁剪输出。"),
             "ConvTranspose3d(2, 2, 2, padding=3)", ((1, 2, 2, 3, 3),)),
        ],
    ),
    (
        "lazy", "LazyConv, LazyLinear", "LazyConv2d(8, 3, padding='same')", ((1, 5, 9, 9),),
        ("The number of input channels is taken from the first input.", "输入通道数取自第一个输入。"),
        [
            (("Unbatched input has one axis less: here 1 would become the channels.",
              "没有批的输入少一条轴：这里 1 会成为通道数。"), "LazyConv2d(8, 3)", ((1, 9, 9),)),
        ],
    ),
    (
        "unfold", "Unfold", "Unfold((2, 3), padding=1)", ((1, 2, 5, 6),),
        ("Every window becomes a column; the weight as a matrix, times these columns, is the convolution.",
         "每个窗口成为一列；把权重当作矩阵乘以这些列，就是卷积。"),
        [
            (("The window must fit.", "窗口必须放得下。"), "Unfold(9)", ((1, 2, 3, 3),)),
        ],
    ),
    (
        "fold", "Fold", "Fold((4, 5), 2)", ((1, 12, 12),),
        ("Columns are put back and added up where they overlap.", "把各列放回原处，重叠之处相加。"),
        [
            (("The number of columns must be that of an Unfold of output_size.",
              "列数必须等于对 output_size 作 Unfold 的列数。"), "Fold((4, 5), 2)", ((1, 12, 9),)),
        ],
    ),
    (
        "pad", "pad", "F.pad(x, (2, 1, 1, 2), mode='circular')", ((1, 2, 5, 6),),
        ("The ends of an axis are continued, or cropped where a number is negative.",
         "延续一条轴的两端；负数表示裁剪。"),
        [
            (("A reflection must be shorter than its axis.", "镜像填充必须比所在的轴短。"),
             "F.pad(x, (5, 0), mode='reflect')", ((1, 2, 4),)),
        ],
    ),
    (
        "max_pool2d", "Pooling", "MaxPool2d(3, stride=2, padding=1)", (("N", 64, 15, 16),),
        ("Windows as those of a convolution, without weights: each becomes its largest number, or its mean.",
         "窗口与卷积相同，但没有权重：每个窗口变成其中最大的数，或平均值。"),
        [
            (("Without a stride, windows lie side by side: it is the kernel size.",
              "不写 stride 时窗口并排：它等于核大小。"), "MaxPool2d(3)", ((1, 64, 15, 16),)),
            (("Padding is at most half of the window.", "填充至多是窗口的一半。"),
             "MaxPool2d(2, padding=2)", ((1, 64, 15, 16),)),
        ],
    ),
    (
        "adaptive_avg_pool2d", "Adaptive pooling", "AdaptiveAvgPool2d((1, 3))", (("N", 512, 7, 8),),
        ("The output's size is given, and the windows cover the input evenly.",
         "给定输出的大小，窗口均匀地覆盖输入。"),
        [
            (("A Linear layer behind it needs Flatten(): two axes of one position are left.",
              "后面接 Linear 时还要 Flatten()：还剩两条长度为一的轴。"), "Linear(512, 10)", ((8, 512, 1, 1),)),
        ],
    ),
    (
        "batch_norm2d", "Normalisation", "BatchNorm2d(64)", (("N", 64, 8, 8),),
        ("Numbers get mean 0 and variance 1, then a weight and a bias for each channel.",
         "把数变成均值 0、方差 1，再乘以每个通道的权重并加上偏置。"),
        [
            (("It is made for the channels that come in.", "它的大小是输入的通道数。"),
             "BatchNorm2d(64)", ((8, 32, 8, 8),)),
            (("Behind a Conv1d or Linear it is BatchNorm1d.", "在 Conv1d 或 Linear 之后用 BatchNorm1d。"),
             "BatchNorm2d(64)", ((8, 64, 100),)),
        ],
    ),
]  # fmt: skip

WORDS = {
    "title": ("The layers of the family, drawn and explained", "卷积层家族：图解与说明"),
    "start": (
        "A page for each layer: its picture, its sizes with the numbers in them, its weight, its common mistakes. "
        "All of it is what `rushlight.explain` says of these layers now; ask it about yours:",
        "每一层一页：图、代入数字的尺寸公式、权重布局、常见错误。"
        "所有内容都由 `rushlight.explain` 现时生成；也可以问它你自己的层：",
    ),
    "same": ("Which layers are the same? Run it and see:", "哪些层是相同的？运行一下就知道："),
    "model": ("A whole model, without running it:", "整个模型，不必运行："),
    "mistakes": ("Common mistakes", "常见错误"),
    "sizes": ("Sizes, weight, work", "尺寸、权重、计算量"),
    "ask": ("Ask for it", "自己生成"),
    "contents": ("Layers", "各层"),
    "back": ("All layers", "所有层"),
    "no_error": ("This runs, and gives another shape than was meant:", "这可以运行，但形状不是想要的："),
}
