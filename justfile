# The recipes that people and CI share. `just` comes with the `dev` group; CI does not need it.
# Every recipe runs in the environment that env.toml.example declares.

bin := ".venv/bin"

# format, lint, types, layers and the fast tests
check: lint types layers
    {{bin}}/pytest -n auto -m "not network and not slow" -q

# what CI runs
ci:
    bash .ci/run

lint:
    {{bin}}/ruff format --check .
    {{bin}}/ruff check .

types:
    {{bin}}/mypy

layers:
    {{bin}}/lint-imports

# the images of the page about Docker, built by Buildah; as root on Linux
images:
    {{bin}}/pytest tests/docs/test_images.py

# all tests but those that need the public index
test *arguments:
    {{bin}}/pytest -n auto {{arguments}}

# the tests that need the public index
test-network:
    {{bin}}/pytest -m network

# kill commands, their recovery and what they leave running at random moments; see tests/torture/kill.py --help
torture trials="50" seed="1":
    {{bin}}/python tests/torture/kill.py --trials {{trials}} --seed {{seed}}

# stop or fail the Nth file operation of whole commands; a count of 0 is every one of them, in every way
torture-faults count="300" seed="1":
    {{bin}}/python tests/torture/faults.py --count {{count}} --seed {{seed}}

# replay commands without what they had not flushed, as after a power cut
torture-power count="200" seed="1":
    {{bin}}/python tests/torture/power.py --count {{count}} --seed {{seed}}

# full disks, no inodes, read-only, no permission; as root on Linux
torture-disk count="8" seed="1":
    {{bin}}/python tests/torture/disk.py --count {{count}} --seed {{seed}}

# killed applies and rollbacks of environments that are changed file by file
torture-merge trials="50" seed="1":
    {{bin}}/python tests/torture/kill.py --trials {{trials}} --seed {{seed}} --switch merge

# damage the cache in every way, and install from it; see tests/torture/rot.py --help
rot count="300" seed="1":
    {{bin}}/python tests/torture/rot.py --count {{count}} --seed {{seed}}

# several commands at once on one environment and on one cache; see tests/torture/together.py --help
together count="100" seed="1":
    {{bin}}/python tests/torture/together.py --count {{count}} --seed {{seed}}

# environments damaged in one to five ways at once; see tests/torture/drift.py --help
drift count="200" seed="4":
    {{bin}}/python tests/torture/drift.py --count {{count}} --seed {{seed}}

# bundles damaged or forged, and installed from; see tests/torture/bundles.py --help
bundles count="100" seed="1":
    {{bin}}/python tests/torture/bundles.py --count {{count}} --seed {{seed}}

# every long run, one after the other, with its figures written into docs/explanation/reliability.md
torture-all seed="1":
    -{{bin}}/python tests/torture/kill.py --trials 1000 --seed {{seed}} --record
    -{{bin}}/python tests/torture/kill.py --trials 1000 --seed {{seed}} --switch merge --record
    -{{bin}}/python tests/torture/faults.py --count 3000 --seed {{seed}} --record
    -{{bin}}/python tests/torture/power.py --count 2000 --seed {{seed}} --record
    -{{bin}}/python tests/torture/disk.py --count 40 --seed {{seed}} --record
    -{{bin}}/python tests/torture/rot.py --count 200 --seed {{seed}} --record
    -{{bin}}/python tests/torture/together.py --count 170 --seed {{seed}} --record
    -{{bin}}/python tests/torture/drift.py --count 400 --seed {{seed}} --record
    -{{bin}}/python tests/torture/bundles.py --count 500 --seed {{seed}} --record

# envctl beside uv and pip on a recorded index; see benchmarks/README.md
bench *arguments:
    {{bin}}/python benchmarks/run.py {{arguments}}

# regression cases of other resolvers, from a folder with their checkouts; see benchmarks/README.md
resolver-cases folder *arguments:
    {{bin}}/python benchmarks/resolver.py {{folder}} {{arguments}}

# the resolver against brute force on small universes made at random
universes count="2000" seed="20":
    {{bin}}/python tests/torture/universes.py --count {{count}} --seed {{seed}}

# the reference pages that are made from the code
docs:
    {{bin}}/python docs/generate.py
