# One line per recipe; flags are passed on. What must hold is in .ci/run, nowhere else.

set positional-arguments
set shell := ["bash", "-euc"]

loadtest := "cargo run --release --bin aoai-loadtest --"

# Simulated seconds per real second of `just demo`: slow enough to follow, fast enough to stay.
watching_speed := "10"

# A file by its scenario's name: `load-balancing/weighted#smooth` is a variant of `weighted.toml`.
scenario := '^([^#]*)'
file := 'scenarios/$1.toml'

_menu:
    @{{ quote(just_executable()) }} --list --unsorted

# Watch a scenario while it runs: start here
demo name="manage-spikes-with-payg/retry" *flags:
    {{ loadtest }} run {{ quote(replace_regex(name, scenario, file)) }} --watch --speed {{ watching_speed }} "${@:2}"

# Run a scenario and judge it
run name="load-balancing/simple" *flags:
    {{ loadtest }} run {{ quote(replace_regex(name, scenario, file)) }} "${@:2}"

# Run all scenarios and judge them; in an instant with --driver virtual
all *flags:
    {{ loadtest }} run scenarios "$@"

# List the scenarios
list *flags:
    {{ loadtest }} list "$@"

# Write a scenario, starting from another one (--from NAME)
new name *flags:
    {{ loadtest }} new {{ quote(replace_regex(name, scenario, file)) }} "${@:2}"

# Say what is wrong with a scenario and what it would send
plan name="load-balancing/simple" *flags:
    {{ loadtest }} check {{ quote(replace_regex(name, scenario, file)) }} "${@:2}"

# Start a scenario's simulators and gateway and leave them up, without traffic
serve name="load-balancing/simple" *flags:
    {{ loadtest }} serve {{ quote(replace_regex(name, scenario, file)) }} "${@:2}"

# Start a simulator by itself
simulator *flags:
    cargo run --release --package aoai-simulator -- "$@"

# Start the gateway by itself
gateway *flags:
    cargo run --release --package gateway-under-test -- "$@"

# Sum up who used how many tokens, and what they cost, from a file of usage events
usage *flags:
    cargo run --release --package gateway-under-test -- usage "$@"

# Check everything as CI does, or only the named steps (--list)
check *flags:
    .ci/run "$@"

# Run the tests
test *flags:
    cargo test --workspace "$@"

# Run the tests of the official SDKs against simulator and gateway, at speed 1
sdk *flags:
    .ci/run build sdk "$@"

# Send the simulator whatever comes to mind, in so many cases of each kind
fuzz cases="20000" *flags:
    PROPTEST_CASES={{ quote(replace(cases, "_", "")) }} cargo test --release --package aoai-simulator --test fuzz -- "${@:2}"

# Lint all targets
lint *flags:
    cargo clippy --workspace --all-targets "$@" -- --deny warnings

# Format the code
fmt *flags:
    cargo fmt --all "$@"

# Build the documentation of the crates
doc *flags:
    cargo doc --workspace --no-deps "$@"

# Measure requests per second against bare servers and clients
bench *flags:
    cargo bench --package loadtest --bench throughput -- "$@"

# Measure how late the tokens of 200 streams come, and whether that grows
pacing *flags:
    cargo bench --package aoai-simulator --bench pacing -- "$@"

# Bring the generated blocks of the READMEs up to date (--check: only name the stale ones; --all: durations, too)
readme *flags:
    python3 .ci/readme.py "$@"

# Write the JSON Schema of scenario files, for editors
schema *flags:
    {{ loadtest }} schema "$@" > scenarios/scenario.schema.json
