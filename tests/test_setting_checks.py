from __future__ import annotations

from pathlib import Path

import pytest

from workbench import setting_checks as checks
from workbench.errors import UserError


def test_good_settings_pass():
    checks.check_positive(batch_size=1, max_new_tokens=None)
    checks.check_fraction(1.0)
    checks.check_each_once(seeds=(0, 1), masks=("TTF",))
    checks.check_data_folder(None)
    checks.check_data_folder(Path("."))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checks.check_positive(batch_size=0), "The batch size is 0; give 1 or more"),
        (lambda: checks.check_positive(max_new_tokens=-1), "The longest completion is -1"),
        (lambda: checks.check_fraction(0.0), "The fraction is 0.0; give more than 0"),
        (lambda: checks.check_fraction(1.5), "The fraction is 1.5"),
        (lambda: checks.check_each_once(seeds=()), "No seeds given; at least one"),
        (lambda: checks.check_each_once(plain_masks=("a", "a")), "plain masks names one value twice: a, a"),
        (lambda: checks.check_data_folder(Path("/no/such")), "There is no folder /no/such; give --data"),
    ],
)
def test_bad_settings_are_refused_in_words(check, message):
    with pytest.raises(UserError, match=message):
        check()
