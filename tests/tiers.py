"""Which variants of long tests every change runs. `pytest -m nightly` runs the others; without -m, pytest runs what is not nightly.

A variant that costs seconds and differs from its neighbours in a name or a number is tried nightly; at least one runs for every change.
"""

# file::test, below tests/ → how many of its variants every change runs, evenly spread
FEW = {
    "harness/test_asked_for.py::test_lm_evals_ruler_gets_the_folder_of_a_short_name": 1,
    "harness/test_dataset.py::test_defaults_fit_the_window": 5,
    "harness/test_prefix_cache.py::test_same_replies": 19,  # each method at least once
    "harness/test_prefix_cache.py::test_same_replies_where_layers_let_go_of_tokens": 3,
    "harness/test_resume.py::test_killed_at_any_moment": 1,
    "harness/test_seal_lm.py::test_prompts_hold_what_the_samples_promise": 2,
    "harness/test_served.py::test_replies_are_those_of_lm_eval_on_the_same_weights": 2,
    "harness/test_without_cache.py::test_replies_are_those_of_stock_lm_eval": 1,
    "leaderboard/test_full_disk.py::test_site": 1,
    "leaderboard/test_site_browser.py::test_every_page": 3,
    "models/test_placement.py::test_runs": 1,
    "models/test_selftest.py::test_methods_that_full_layers_do_not_see_are_refused": 20,
    "prompts/test_judged.py::test_no_reply_takes_long": 3,
    "prompts/test_replies.py::test_wrong_in_every_style": 8,
    "results/test_dates.py::test_feed_changelog_and_order_are_in_utc": 1,
    "results/test_hostile.py::test_names_that_are_paths": 2,
    "stats/test_effective.py::test_cells_that_share_documents_of_which_few_reach_one": 1,
    "stats/test_effective.py::test_unequal_documents_are_covered": 3,
    "stats/test_methods_compared.py::test_anytime_holds_at_every_look": 1,
    "stats/test_record_plans.py::test_a_plan_keeps_its_promise": 1,
    "suite/test_recipes.py::test_its_cells_run": 1,
    "tuning/test_head_importance.py::test_pruning_by_hand": 2,
    "tuning/test_merge.py::test_rotary_scaling_in_the_configuration": 6,
    "tuning/test_shared_record.py::test_same_gradients_as_one_by_one": 4,
    "tuning/test_tune.py::test_a_killed_run_goes_on": 1,
    "tuning/test_tune.py::test_half_precision_weights": 1,
    "tuning/test_tune.py::test_learns_and_leaves_the_model_alone": 2,
    "tuning/test_witness.py::test_extension_recovers": 1,
    "tuning/test_witness.py::test_what_cannot_retrieve_does_not": 1,
}


def left_to_the_night(names: list[str]) -> set[int]:
    """The positions of the variants that only run nightly. names: 'file::test' of each variant, below tests/, in their order."""
    left = set()
    for test, n in FEW.items():
        at = [i for i, name in enumerate(names) if name == test]
        chosen = {at[(2 * k + 1) * len(at) // (2 * n)] for k in range(min(n, len(at)))}
        left |= {*at} - chosen
    return left
