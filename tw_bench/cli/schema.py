"""`tw-bench schema`: the JSON Schema of a profile."""

import json


def schema() -> None:
    """Print the JSON Schema of a profile, for editors and checkers."""
    from tw_bench.profile.model import Profile

    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Profile.model_json_schema(),
    }
    print(json.dumps(document, indent=2))
