"""What a verdict may rest on: a code for each reason, with the numbers and names that it carries."""

MUCH = 0.2  # share of the images set aside, or of test images with a twin, from which it is said
# code → the numbers and names it carries; natkit.show.words has a sentence for each
REASONS = {
    "ahead_of_all": ("controls", "n"),  # every difference lies above 0
    "inside_interval": ("control", "value", "low", "high", "n"),  # 0 lies in the interval
    "behind_control": ("control", "value", "low", "high", "n"),
    "not_within": (
        "column",
        "control",
        "value",
        "low",
        "high",
        "n",
    ),  # within a group no lead is seen
    "not_without_twins": ("control", "value", "low", "high", "n"),
    "confounded": ("column",),  # no group holds two classes, so nothing can be compared within
    "only_twins": ("count", "n"),  # without them nothing is left to compare
    "within": ("column", "control", "value", "low", "high", "n"),  # the lead holds there too
    "without_twins": ("count", "control", "value", "low", "high", "n"),
    "units_cross": ("column", "count"),  # parts or lots that stand in two splits
    "statistics_do": (
        "source",
        "column",
        "value",
        "low",
        "high",
        "n",
    ),  # as well as ours, in the interval
    "target_met": ("target", "value", "low", "high", "n"),
    "target_open": ("target", "value", "low", "high", "n"),  # it lies inside the interval
    "target_missed": ("target", "value", "low", "high", "n"),
    "cost_met": ("target", "currency", "value", "low", "high"),
    "cost_open": ("target", "currency", "value", "low", "high"),
    "cost_missed": ("target", "currency", "value", "low", "high"),
    "group_below": ("column", "value", "score", "low", "high", "n", "target"),
    "worst_group": ("column", "value", "score", "low", "high", "n"),
    "would_settle": ("n", "power"),  # so many test images, if today's value is the true one
    "would_meet": ("n", "power"),
    "could_meet": ("low",),  # no target was given; up to this one it would be met
    "knn_disagrees": ("control", "value", "low", "high", "n"),  # neighbours decide otherwise
    "labels_do_better": (
        "control",
        "value",
        "low",
        "high",
        "n",
    ),  # the network trained with labels is ahead
    "too_few": ("class", "train", "val", "test", "need_train", "need_val", "need_test"),
    "classes_left_out": ("classes", "count"),  # too rare to learn; not part of the scores
    "shortcut_found": ("source", "column", "value", "low", "high", "n"),  # label without the image
    "copies_removed": ("count",),  # so no copy of a test image was learnt from
    "much_set_aside": ("count", "listed"),
    "map_flagged": ("measures",),  # the map shows what a map of shuffled data would show
    "one_training": (),  # the interval covers the choice of test images, not a second training
    "trainings": ("n", "low", "high"),  # scores of several trainings
    "no_target": (),  # nobody said beforehand which score would be good enough
    "no_label": (),
    "not_run": (),
}
BLOCKS = (
    "not_within",
    "not_without_twins",
    "confounded",
    "only_twins",
    "units_cross",
    "statistics_do",
)
