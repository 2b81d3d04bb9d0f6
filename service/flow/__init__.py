"""The steps, one file and one public function each, plain and synchronous: `step(tx, rules, value, now) -> Answer`."""
