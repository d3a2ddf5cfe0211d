import json

import metrics_comment as mc

DIFF = {
    "metrics/b.json": {"mean_auc": {"old": 0.5, "new": 0.8123456, "diff": 0.3123456}},
    "metrics/a.json": {
        "n_targets": {"old": 45, "new": 44, "diff": -1},
        "mean_auc": {"new": 0.75},
    },
}


class Forge:
    """Stands in for the forge's client: one pull request with its comments."""

    def __init__(self, *bodies):
        self.comments = [{"id": 10 + i, "body": body} for i, body in enumerate(bodies)]
        self.calls = []

    def __call__(self, path, *args, body=None):
        if "--paginate" in args:
            return "\n".join(json.dumps(comment) for comment in self.comments)
        self.calls.append((path, args[args.index("--method") + 1], body))
        return ""


def test_rows_are_sorted_by_path_then_metric():
    rows = [line for line in mc.render(DIFF).splitlines() if line.startswith("| metrics")]
    assert rows == [
        "| metrics/a.json | mean_auc | - | 0.75 | - |",
        "| metrics/a.json | n_targets | 45 | 44 | -1 |",
        "| metrics/b.json | mean_auc | 0.5 | 0.81235 | +0.31235 |",
    ]


def test_no_difference_says_so_under_the_same_marker():
    body = mc.render({})
    assert body.startswith(mc.MARKER)
    assert "No metric differs" in body


def test_a_long_diff_is_cut_with_the_number_left_out():
    diff = {
        "m.json": {f"k{i:04d}": {"old": 0, "new": 1, "diff": 1} for i in range(mc.MAX_ROWS + 3)}
    }
    body = mc.render(diff)
    assert body.count("| m.json") == mc.MAX_ROWS
    assert "\n3 more rows are left out." in body


def test_first_run_writes_a_comment():
    forge = Forge("looks good", f"as in\n> {mc.MARKER}")
    mc.post("me/phenoprot", "7", "text", api=forge)
    assert forge.calls == [("repos/me/phenoprot/issues/7/comments", "POST", "text")]


def test_later_runs_rewrite_that_comment():
    forge = Forge("looks good", mc.render(DIFF))
    mc.post("me/phenoprot", "7", "text", api=forge)
    assert forge.calls == [("repos/me/phenoprot/issues/comments/11", "PATCH", "text")]
