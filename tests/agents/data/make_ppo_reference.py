"""Works out by its own formulas what hotlap's PPO update must give, in float64: advantages, loss, gradients, minibatches
and Adam. tests/agents/ppo_test.cc compares. From the repository's folder:

    python3 tests/agents/data/make_ppo_reference.py > tests/data/ppo/reference.json

Needs NumPy. Inputs are rounded to float32, so that both sides begin with the same numbers.
"""

import itertools
import json
import math

import numpy as np

MASK = (1 << 64) - 1
MINIBATCH_PURPOSE = 12


def mix(x):
    """SplitMix64's finaliser."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def shuffled(order, seed, epoch):
    """Fisher and Yates, from the end, by the upper 32 bits of each draw."""
    key = mix(mix(mix(seed) ^ epoch) ^ MINIBATCH_PURPOSE)
    order = list(order)
    for i in range(len(order) - 1, 0, -1):
        j = ((mix((key + i) & MASK) >> 32) * (i + 1)) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def forward(layers, x, activation):
    """What each layer was shown, and the outputs."""
    shown = []
    for number, (weights, biases) in enumerate(layers):
        shown.append(x)
        x = x @ weights + biases
        if number + 1 < len(layers):
            x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
    return shown, x


def backward(layers, shown, by_output, activation):
    gradients = []
    for number in range(len(layers) - 1, -1, -1):
        weights, _ = layers[number]
        gradients.append((shown[number].T @ by_output, by_output.sum(axis=0)))
        by_output = by_output @ weights.T
        if number > 0:
            results = shown[number]
            by_output = by_output * ((1 - results**2) if activation == "tanh" else (results > 0))
    return gradients[::-1]


def advantages_of(case):
    steps, rows = case["steps"], case["rows"]
    shape = (steps, rows)
    rewards, values = case["rewards"].reshape(shape), case["values"].reshape(shape)
    ended = case["ended"].reshape(shape)
    discount, decay = case["settings"]["discount"], case["settings"]["gae_decay"]
    advantages = np.zeros(shape)
    for row in range(rows):
        for step in range(steps):
            # The sum over all later errors, up to the end of the episode: no recursion.
            weight = 1.0
            for later in range(step, steps):
                next_value = values[later + 1, row] if later + 1 < steps else case["last_values"][row]
                if ended[later, row]:
                    next_value = 0
                advantages[step, row] += weight * (rewards[later, row] + discount * next_value - values[later, row])
                if ended[later, row]:
                    break
                weight *= discount * decay
    return advantages.reshape(-1), (advantages + values).reshape(-1)


def distribution(case, outputs, deviations, actions):
    """Log probabilities of the actions, entropies, and their slopes by outputs and log deviations."""
    if case["kind"] == "keys":
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        shares = np.exp(logs)
        entropies = -(shares * logs).sum(axis=1)
        taken = np.eye(outputs.shape[1])[actions[:, 0].astype(int)]
        return (logs * taken).sum(axis=1), entropies, taken - shares, -shares * (logs + entropies[:, None]), None, None
    deviation = np.exp(deviations)
    z = (actions - outputs) / deviation
    logs = (-(z**2) / 2 - deviations - 0.5 * math.log(2 * math.pi)).sum(axis=1)
    entropies = np.full(len(actions), (deviations + 0.5 * math.log(2 * math.pi * math.e)).sum())
    return logs, entropies, z / deviation, np.zeros_like(outputs), z**2 - 1, np.ones_like(z)


def loss_and_gradient(case, parameters, examples, advantages, returns):
    """The mean loss, its gradient in the form of the parameters, and sums for the report."""
    s = case["settings"]
    x = np.clip((case["observations"][examples] - case["scale_mean"]) * case["scale_factor"], -10, 10)
    actor, critic, deviations = parameters
    shown, outputs = forward(actor, x, case["activation"])
    critic_shown, values = forward(critic, x, case["activation"])
    values = values[:, 0]
    logs, entropies, by_outputs, entropy_by_outputs, by_deviations, entropy_by_deviations = distribution(
        case, outputs, deviations, case["actions"][examples]
    )
    n = len(examples)
    a = advantages[examples]
    a = (a - a.mean()) / (a.std() + 1e-8)
    ratios = np.exp(logs - case["log_probabilities"][examples])
    clipped = np.clip(ratios, 1 - s["clip"], 1 + s["clip"])
    gains = np.minimum(ratios * a, clipped * a)
    gain_slopes = np.where(ratios * a <= clipped * a, ratios * a, 0)  # by the log probability

    old, target = case["values"][examples], returns[examples]
    errors, slopes = (values - target) ** 2, 2 * (values - target)
    if s["value_clip"] > 0:
        moved = np.clip(values - old, -s["value_clip"], s["value_clip"])
        clipped_errors = (old + moved - target) ** 2
        is_worse = clipped_errors > errors
        inside = np.abs(values - old) < s["value_clip"]
        slopes = np.where(is_worse, np.where(inside, 2 * (old + moved - target), 0), slopes)
        errors = np.maximum(errors, clipped_errors)
    loss = (-gains - s["entropy_weight"] * entropies + s["value_weight"] * errors / 2).mean()

    by_log, by_entropy = -gain_slopes / n, np.full(n, -s["entropy_weight"] / n)
    actor_gradient = backward(
        actor, shown, by_log[:, None] * by_outputs + by_entropy[:, None] * entropy_by_outputs, case["activation"]
    )
    critic_gradient = backward(critic, critic_shown, (s["value_weight"] * slopes / 2 / n)[:, None], case["activation"])
    deviation_gradient = np.zeros(0)
    if case["kind"] == "continuous":
        deviation_gradient = by_log @ by_deviations + by_entropy @ entropy_by_deviations
    sums = {
        "policy_loss": -gains.sum(),
        "value_loss": errors.sum() / 2,
        "entropy": entropies.sum(),
        "kl": (ratios - 1 - np.log(ratios)).sum(),
        "clipped_share": float((clipped != ratios).sum()),
    }
    return loss, (actor_gradient, critic_gradient, deviation_gradient), sums


def flat(parameters):
    actor, critic, deviations = parameters
    parts = [part.reshape(-1) for network in (actor, critic) for layer in network for part in layer]
    return np.concatenate([*parts, deviations])


def shaped_like(parameters, numbers):
    at = 0

    def take(like):
        nonlocal at
        part = numbers[at : at + like.size].reshape(like.shape)
        at += like.size
        return part

    actor, critic, deviations = parameters
    networks = [[tuple(take(part) for part in layer) for layer in network] for network in (actor, critic)]
    return networks[0], networks[1], take(deviations)


def check_gradient(case, parameters, examples, advantages, returns):
    """Against finite differences, so that the formulas above agree with each other."""
    numbers, step = flat(parameters), 1e-6
    _, gradient, _ = loss_and_gradient(case, parameters, examples, advantages, returns)
    for i, slope in enumerate(flat(gradient)):
        sides = []
        for side in (step, -step):
            moved = numbers.copy()
            moved[i] += side
            sides.append(loss_and_gradient(case, shaped_like(parameters, moved), examples, advantages, returns)[0])
        assert abs((sides[0] - sides[1]) / (2 * step) - slope) < 1e-7, (case["name"], i)


def updated(case, parameters, advantages, returns):
    s = case["settings"]
    numbers = flat(parameters)
    m, v, t = np.zeros_like(numbers), np.zeros_like(numbers), 0
    order = list(range(case["steps"] * case["rows"]))
    report = dict.fromkeys(("policy_loss", "value_loss", "entropy", "kl", "clipped_share"), 0.0)
    used, norms = 0, []
    for epoch in range(s["epochs"]):
        order = shuffled(order, case["seed"], epoch)
        for first in range(0, len(order), s["minibatch"]):
            examples = np.array(order[first : first + s["minibatch"]])
            _, gradient, sums = loss_and_gradient(case, shaped_like(parameters, numbers), examples, advantages, returns)
            g = flat(gradient)
            norms.append(np.linalg.norm(g))
            if 0 < s["max_gradient_norm"] < norms[-1]:
                g = g * s["max_gradient_norm"] / norms[-1]
            t += 1
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            numbers = numbers - case["learning_rate"] * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-5)
            for name in report:
                report[name] += sums[name]
            used += len(examples)
            if 0 < s["target_kl"] < sums["kl"] / len(examples):
                break
        else:
            continue
        break
    report = {name: total / used for name, total in report.items()}
    report["gradient_norm"] = float(np.mean(norms))
    report["explained_variance"] = float(1 - advantages.var() / returns.var())
    return numbers, report, t


def drawn_network(random, sizes):
    return [
        (rounded(random.normal(0, 0.6, (inputs, outputs))), rounded(random.normal(0, 0.2, outputs)))
        for inputs, outputs in itertools.pairwise(sizes)
    ]


def rounded(numbers):
    return np.asarray(numbers, np.float32).astype(np.float64)


def make_case(name, seed, kind, hidden, activation, settings):
    random = np.random.default_rng(seed)
    observations, actions, steps, rows = 3, 4 if kind == "keys" else 2, 6, 5
    n = steps * rows
    case = {
        "name": name,
        "kind": kind,
        "num_observations": observations,
        "num_actions": actions,
        "hidden": hidden,
        "activation": activation,
        "steps": steps,
        "rows": rows,
        "seed": seed,
        "learning_rate": float(np.float32(0.01)),
        "settings": {k: v if isinstance(v, int) else float(np.float32(v)) for k, v in settings.items()},
        "observations": rounded(random.normal(0.5, 1, (n, observations))),
        "rewards": rounded(random.normal(0, 1, n)),
        "ended": (random.random(n) < 0.2).astype(int),
        "last_values": rounded(random.normal(0, 1, rows)),
        "scale_mean": rounded(random.normal(0.5, 0.2, observations)),
        "scale_factor": rounded(random.uniform(0.5, 2, observations)),
    }
    sizes = [observations, *hidden]
    deviations = rounded(random.normal(-0.3, 0.2, actions)) if kind == "continuous" else np.zeros(0)
    parameters = (drawn_network(random, [*sizes, actions]), drawn_network(random, [*sizes, 1]), deviations)
    if kind == "keys":
        case["actions"] = random.integers(0, actions, (n, 1)).astype(float)
    else:
        case["actions"] = rounded(random.normal(0, 1, (n, actions)))
    # As of a policy and a critic some updates before, so that clips are at work.
    x = np.clip((case["observations"] - case["scale_mean"]) * case["scale_factor"], -10, 10)
    logs = distribution(case, forward(parameters[0], x, activation)[1], deviations, case["actions"])[0]
    case["log_probabilities"] = rounded(logs + random.normal(0, 0.25, n))
    case["values"] = rounded(forward(parameters[1], x, activation)[1][:, 0] + random.normal(0, 0.4, n))

    advantages, returns = advantages_of(case)
    check_gradient(case, parameters, np.arange(0, n, 2), advantages, returns)
    numbers, report, optimiser_steps = updated(case, parameters, advantages, returns)
    case["parameters"] = flat(parameters)
    case["expected"] = {
        "advantages": advantages,
        "returns": returns,
        "parameters": numbers,
        "optimiser_steps": optimiser_steps,
        "report": report,
    }
    return case


def listed(value):
    if isinstance(value, np.ndarray):
        return [float(f"{number:.12g}") for number in value.reshape(-1).tolist()]
    if isinstance(value, dict):
        return {key: listed(inner) for key, inner in value.items()}
    return float(f"{value:.12g}") if isinstance(value, float) else value


SETTINGS = {
    "epochs": 3,
    "minibatch": 8,  # 30 examples: the last one of a pass is smaller
    "discount": 0.9,
    "gae_decay": 0.8,
    "clip": 0.2,
    "value_clip": 0,
    "value_weight": 0.5,
    "entropy_weight": 0.02,
    "max_gradient_norm": 0,
    "target_kl": 0,
}

CASES = [
    make_case("Keys", 1, "keys", [5], "tanh", SETTINGS),
    make_case(
        "KeysWithEveryClip", 2, "keys", [6, 4], "tanh", SETTINGS | {"value_clip": 0.3, "max_gradient_norm": 0.4}
    ),
    make_case("Continuous", 3, "continuous", [5], "tanh", SETTINGS),
    make_case(
        "ContinuousWithEveryClip",
        4,
        "continuous",
        [7],
        "relu",
        SETTINGS | {"value_clip": 0.3, "max_gradient_norm": 0.4, "entropy_weight": 0.0},
    ),
    make_case("StopsWhenThePolicyHasGoneFar", 5, "keys", [5], "tanh", SETTINGS | {"target_kl": 0.06}),
    make_case("AMinibatchForAll", 6, "keys", [], "tanh", SETTINGS | {"minibatch": 100}),
]

if __name__ == "__main__":
    made = "python3 tests/agents/data/make_ppo_reference.py > tests/data/ppo/reference.json"
    lines = ",\n".join(json.dumps(listed(case)) for case in CASES)
    print(f'{{"made_by": {json.dumps(made)},\n"cases": [\n{lines}\n]}}')
