"""The rungs of the ladders: what each idea is, and the flags that try it."""

from __future__ import annotations

from typing import NamedTuple

CLASSICAL, CLASSIFIER = "training.classical", "training.classifier"


class Rung(NamedTuple):
    """One training: its folder's name, the idea, the module that trains it, and its flags.

    `after` names the rung whose net it starts from, if any, `teachers` those whose nets it
    imitates.
    """

    name: str
    idea: str
    module: str
    flags: tuple[str, ...]
    after: str = ""
    teachers: tuple[str, ...] = ()

    def needed(self) -> tuple[str, ...]:
        """The rungs that must be finished before it."""
        return (*filter(None, (self.after,)), *self.teachers)


def _net(name: str, idea: str, flags: str, after: str = "", teachers: tuple[str, ...] = ()) -> Rung:
    return Rung(name, idea, CLASSIFIER, tuple(flags.split()), after, teachers)


def _machine(features: str, idea: str) -> Rung:
    return Rung(f"{features}-svm", idea, CLASSICAL, ("--features", features))


# What a first tutorial does: one rate, no regularisation, the pictures as they are. Nets for signs
# are trained equally long, but for the MobileNets, which take five times as long as LeNet; as far
# as LeNet goes, a rung differs from the one before it in its idea only, and those after it have the
# default recipe.
FIRST_TRY = (
    "--epochs 20 --schedule constant --rate 1e-3 --warmup 0 --decay 0 --dropout 0 --smoothing 0"
    " --average 0"
)
AS_THEY_ARE = "--augment none --flips 0 --balance none --drawn 0 --foreign 0 --background 0.05"
REGULAR = FIRST_TRY.replace("--decay 0 --dropout 0", "--decay 1e-2 --dropout 0.5")
DISTURBED = AS_THEY_ARE.replace("--augment none --flips 0", "--augment full --flips 0.3")
BALANCED = DISTURBED.replace("--balance none", "--balance sqrt")
LENET = "--architecture lenet --contrast clahe"

# For pictures of anything: no drawn signs, no negatives; a mirrored thing is the same thing.
EPOCH = "--samples 45000"
AVERAGED = "--average 0.999"
MIRRORED = "--augment light --flips 0.5"
CIFAR10 = _net(
    "mobilenet-cifar10",
    "MobileNet on CIFAR-10, for the next one to start from",
    f"--architecture mobilenet --epochs 15 {EPOCH} {AVERAGED} {MIRRORED}",
)

SIGNS = (
    _machine("colour", "colour histogram, linear SVM"),
    _machine("edges", "Canny edges, linear SVM"),
    _machine("hog", "HOG, linear SVM"),
    _net("naive", "naive net", f"--architecture naive {FIRST_TRY} {AS_THEY_ARE}"),
    _net(
        "lenet-grey",
        "LeNet, grey",
        f"--architecture lenet --colour grey {FIRST_TRY} {AS_THEY_ARE}",
    ),
    _net("lenet", "LeNet, colour", f"--architecture lenet {FIRST_TRY} {AS_THEY_ARE}"),
    _net("lenet-contrast", "… + contrast (CLAHE)", f"{LENET} {FIRST_TRY} {AS_THEY_ARE}"),
    _net("lenet-regular", "… + dropout, weight decay", f"{LENET} {REGULAR} {AS_THEY_ARE}"),
    _net("lenet-augmented", "… + augmentation", f"{LENET} {REGULAR} {DISTURBED}"),
    _net("lenet-balanced", "… + class balance", f"{LENET} {REGULAR} {BALANCED}"),
    _net("mobilenet", "MobileNet, default recipe", "--architecture mobilenet --epochs 12"),
    _net(
        "mobilenet-pretrained",
        "… + trained on CIFAR-10 first",
        "--architecture mobilenet --epochs 12",
        CIFAR10.name,
    ),
    _net("plain", "plain net: the shipped one's layers", "--epochs 20"),
)

POOLED = (
    f"--architecture pooled --size 32 {EPOCH} --batch 128 --decay 2e-2 --smoothing 0.1"
    f" --dropout 0.1 {AVERAGED} --augment shift --flips 0.5"
)
OTHERS = (
    _machine("colour", "colour histogram, linear SVM"),
    _machine("hog", "HOG, linear SVM"),
    _net("naive", "naive net", f"--architecture naive {EPOCH} {FIRST_TRY} {AS_THEY_ARE}"),
    _net("lenet", "LeNet", f"--architecture lenet {EPOCH} {FIRST_TRY} {AS_THEY_ARE}"),
    _net(
        "lenet-augmented",
        "… + augmentation, dropout",
        f"--architecture lenet {EPOCH} {REGULAR} {MIRRORED}".replace(
            "--dropout 0.5", "--dropout 0.2"
        ),
    ),
    _net("plain", "plain net", f"--architecture plain {EPOCH} --epochs 20 {AVERAGED} {MIRRORED}"),
    _net(
        "pooled-wide",
        "net with max pooling, 32 px, no pixel blurred",
        f"--width 1.5 --epochs 34 {POOLED}",
    ),
    _net("pooled-wide-1", "… with another seed", f"--width 1.5 --epochs 34 {POOLED} --seed 1"),
    _net(
        "pooled-taught",
        "… imitating both: the best one",
        f"--width 1.5 --epochs 60 {POOLED}",
        teachers=("pooled-wide", "pooled-wide-1"),
    ),
)

# A look at the whole in minutes; its figures mean nothing.
QUICK = {
    CLASSICAL: ("--limit", "2000"),
    CLASSIFIER: ("--limit", "2000", "--epochs", "2", "--samples", "4000"),
}
