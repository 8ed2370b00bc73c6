#include "scenario.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <utility>

namespace drifter {
namespace {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    // Inclusive; not std::uniform_int_distribution, which differs between libraries.
    int between(int low, int high) {
        return low + static_cast<int>(engine_() % static_cast<unsigned>(high - low + 1));
    }
    bool chance(int percent) { return between(1, 100) <= percent; }

private:
    std::mt19937_64 engine_;
};

std::vector<int> shuffled_cpus(int cpus, Dice& dice) {
    std::vector<int> order(static_cast<std::size_t>(cpus));
    std::iota(order.begin(), order.end(), 0);
    for (int i = cpus - 1; i > 0; --i)
        std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(dice.between(0, i))]);
    return order;
}

int cpu_on_another_node(int cpu, const Machine& machine, Dice& dice) {
    const int per_node = machine.cpus / machine.nodes;
    int other = cpu;
    while (other / per_node == cpu / per_node) other = dice.between(0, machine.cpus - 1);
    return other;
}

// Off its node at a time, and perhaps back.
void add_moves(Worker& worker, const Machine& machine, Dice& dice) {
    const int at_ms = dice.between(700, 1200);
    worker.moves.push_back({at_ms, cpu_on_another_node(worker.cpu, machine, dice)});
    if (dice.chance(40)) worker.moves.push_back({at_ms + dice.between(700, 1000), worker.cpu});
}

Worker make_worker(int number, int cpu, Dice& dice) {
    Worker worker;
    worker.name = "worker-" + std::to_string(number);
    worker.cpu = cpu;
    worker.memory_kib = 1024 * dice.between(2, 6);
    return worker;
}

// Threads that are moved off their node, some back again, some never.
void add_moved_workers(Scenario& scenario, const std::string& by, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    const int count = dice.between(2, std::min(machine.cpus, 4));
    for (int i = 0; i < count; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.memory_before = machine.balancing && dice.chance(60);
        worker.by = by;
        if (i == 0 || dice.chance(50)) add_moves(worker, machine, dice);
        scenario.workers.push_back(worker);
    }
}

// Memory another thread has touched: right where they run, or on another node, and then they move.
void add_pool(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < dice.between(2, std::min(machine.cpus, 4)); ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.placed_by = "pool";
        const bool elsewhere = dice.chance(50);
        worker.parts = {
            {elsewhere ? cpu_on_another_node(worker.cpu, machine, dice) : worker.cpu, worker.memory_kib}};
        if (!elsewhere && dice.chance(60)) add_moves(worker, machine, dice);
        scenario.workers.push_back(worker);
    }
}

// Two threads of two nodes on the same shared memory.
void add_shared(Scenario& scenario, const Machine& machine, Dice& dice) {
    Worker owner = make_worker(0, dice.between(0, machine.cpus - 1), dice);
    owner.memory = "shared";
    Worker guest = make_worker(1, cpu_on_another_node(owner.cpu, machine, dice), dice);
    guest.memory = "shared";
    guest.memory_kib = owner.memory_kib;
    guest.shares_with = 0;
    if (dice.chance(50)) add_moves(owner, machine, dice);
    scenario.workers = {owner, guest};
}

void add_huge(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    const std::string memory = dice.chance(50) ? "hugetlb" : "thp";
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.memory = memory;
        worker.memory_kib = 2048 * dice.between(2, 3);
        if (i == 0 || dice.chance(50)) add_moves(worker, machine, dice);
        scenario.workers.push_back(worker);
    }
}

// Interleaved over all nodes, or bound to one of them.
void add_policy(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.policy = i == 0 ? "interleave" : "bind";
        worker.parts = {{dice.between(0, machine.cpus - 1), worker.memory_kib}};
        scenario.workers.push_back(worker);
    }
}

// Half of it here and half there; and three quarters here, which is a home still.
void add_split(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.memory_kib = 4096;
        const int there_kib = i == 0 ? 2048 : 768;
        worker.parts = {{worker.cpu, worker.memory_kib - there_kib},
                        {cpu_on_another_node(worker.cpu, machine, dice), there_kib}};
        if (i == 1 && dice.chance(60)) add_moves(worker, machine, dice);
        scenario.workers.push_back(worker);
    }
}

// The threads stay, their memory is moved away.
void add_deserted(Scenario& scenario, const Machine& machine, Dice& dice) {
    const char* const kHows[] = {"move_pages", "mbind", "migrate_pages", "cpuset"};
    const std::string how = kHows[dice.between(0, 3)];
    const bool of_all = how == "migrate_pages" || how == "cpuset";
    const int cpu = dice.between(0, machine.cpus - 1);
    const int to = cpu_on_another_node(cpu, machine, dice);
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 3; ++i) {
        Worker worker = make_worker(i, i == 0 ? cpu : order[static_cast<std::size_t>(i)], dice);
        if (i == 0 || (!of_all && dice.chance(30)))
            worker.memory_moves.push_back(
                {dice.between(900, 1500), how, i == 0 ? to : cpu_on_another_node(worker.cpu, machine, dice)});
        scenario.workers.push_back(worker);
    }
}

void add_pingpong(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        const int away = cpu_on_another_node(worker.cpu, machine, dice);
        if (i == 0)
            for (int n = 0; n < dice.between(5, 8); ++n)
                worker.moves.push_back({600 + n * 400, n % 2 == 0 ? away : worker.cpu});
        scenario.workers.push_back(worker);
    }
}

// Threads that are born and end while it is recorded, on memory that was there before.
void add_churn(Scenario& scenario, const Machine& machine, Dice& dice) {
    for (int i = 0; i < 6; ++i) {
        Worker worker = make_worker(i, dice.between(0, machine.cpus - 1), dice);
        worker.placed_by = "pool";
        worker.memory_kib = 1024;
        worker.parts = {{dice.chance(50) ? cpu_on_another_node(worker.cpu, machine, dice) : worker.cpu,
                         worker.memory_kib}};
        worker.start_ms = i == 0 ? 0 : 400 * i;
        worker.end_ms = i == 5 ? 0 : worker.start_ms + dice.between(1000, 1800);
        scenario.workers.push_back(worker);
    }
}

// A few busy threads among 500.
void add_many(Scenario& scenario, const Machine& machine, Dice& dice) {
    add_moved_workers(scenario, "affinity", machine, dice);
    while (scenario.workers.size() < 500) {
        Worker worker;
        worker.name = "sleeper-" + std::to_string(scenario.workers.size());
        worker.cpu = dice.between(0, machine.cpus - 1);
        worker.memory_kib = 16;
        worker.sleep_us = 400000;
        scenario.workers.push_back(worker);
    }
}

// Threads at home or moved off it, that use their memory in one of the ways of access.h. What they have in
// common lies on one node and is no reason to be elsewhere.
void add_access(const std::string& access, Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    const int hot_cpu = dice.between(0, machine.cpus - 1);
    for (int i = 0; i < std::min(machine.cpus, 3); ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.access = access;
        worker.hot_cpu = hot_cpu;
        // A table whose first pages lie elsewhere: it was grown, or another thread wrote its header.
        if (access == "base")
            worker.parts = {{cpu_on_another_node(worker.cpu, machine, dice), 256},
                            {worker.cpu, worker.memory_kib - 256}};
        if (i == 0 || dice.chance(30)) add_moves(worker, machine, dice);
        scenario.workers.push_back(worker);
    }
}

// They turn from memory of their node to memory of another: the one goes there, too, the other stays.
void add_turn(bool follows, Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        const int there = cpu_on_another_node(worker.cpu, machine, dice);
        worker.parts = {{worker.cpu, worker.memory_kib / 2}, {there, worker.memory_kib / 2}};
        const int at_ms = dice.between(2300, 2700);
        worker.uses = {{0, 0}, {at_ms, 1}};
        if (follows) worker.moves = {{at_ms, there}};
        scenario.workers.push_back(worker);
    }
}

void add_half(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        if (i == 0)
            worker.memory_moves = {{dice.between(600, 900), dice.chance(50) ? "move_pages" : "mbind",
                                    cpu_on_another_node(worker.cpu, machine, dice), worker.memory_kib / 2}};
        scenario.workers.push_back(worker);
    }
}

// Moved to the last node, which has no memory, and perhaps back; or born to run there.
void add_memoryless(Scenario& scenario, const Machine& machine, Dice& dice) {
    const int per_node = machine.cpus / machine.nodes;
    const int there = machine.cpus - per_node;
    for (int i = 0; i < 3; ++i) {
        const int home = dice.between(0, there - 1);
        Worker worker = make_worker(i, home, dice);
        const int at_ms = dice.between(700, 1200);
        if (i == 0) worker.moves.push_back({at_ms, there});
        if (i == 0 && dice.chance(50)) worker.moves.push_back({at_ms + dice.between(700, 1000), home});
        if (i == 1) {
            worker.cpu = there + 1;
            worker.placed_by = "pool";
            worker.parts = {{home, worker.memory_kib}};
        }
        scenario.workers.push_back(worker);
    }
}

// The memory is where the worker is, which serves each request by a thread or a process; or it is elsewhere.
void add_requests(bool forks, Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    const int away = dice.between(0, 1);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.name = i == 0 ? "serve-a" : "serve-b"; // numbers would make one group of their requests
        worker.placed_by = "pool";
        worker.access = "random";
        worker.request_ms = 25;
        worker.forks = forks;
        if (i == away) worker.parts = {{cpu_on_another_node(worker.cpu, machine, dice), worker.memory_kib}};
        scenario.workers.push_back(worker);
    }
}

// One thread may go anywhere; its CPU and its node get crowded, so that the balancer moves it.
void add_crowd(Scenario& scenario, const Machine& machine, Dice& dice) {
    const int per_node = machine.cpus / machine.nodes;
    const int node = dice.between(0, machine.nodes - 1);
    Worker free;
    free.name = "free";
    free.cpu = node * per_node;
    free.memory_kib = 4096;
    free.by = "none";
    free.moves.push_back({600, -1});
    scenario.workers.push_back(free);
    for (int i = 0; i < 2 * per_node; ++i) {
        Worker hog;
        hog.name = "hog-" + std::to_string(i);
        hog.cpu = node * per_node + i % per_node;
        hog.memory_kib = 256;
        hog.keeps_touching = false;
        hog.by = "none";
        scenario.workers.push_back(hog);
    }
}

// Threads displaced from old memory, and then all free: NUMA balancing sorts them out, swapping
// some that had nothing to win.
void add_displaced(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < machine.cpus; ++i) {
        Worker worker;
        worker.name = "free-" + std::to_string(i);
        worker.cpu = order[static_cast<std::size_t>(i)];
        worker.keeps_touching = i % 2 == 0;
        worker.memory_kib = worker.keeps_touching ? 8192 : 512;
        worker.memory_before = worker.keeps_touching;
        worker.by = "affinity";
        if (worker.keeps_touching) {
            worker.moves.push_back({400, cpu_on_another_node(worker.cpu, machine, dice)});
            worker.moves.push_back({450, -1});
        } else worker.moves.push_back({450, -1});
        scenario.workers.push_back(worker);
    }
}

// Buffers that devices have pinned, of threads that run elsewhere.
void add_pinned(Scenario& scenario, const Machine& machine, Dice& dice) {
    const auto order = shuffled_cpus(machine.cpus, dice);
    for (int i = 0; i < 2; ++i) {
        Worker worker = make_worker(i, order[static_cast<std::size_t>(i)], dice);
        worker.memory = "pinned";
        worker.placed_by = "pool";
        if (i == 0) worker.parts = {{cpu_on_another_node(worker.cpu, machine, dice), worker.memory_kib}};
        scenario.workers.push_back(worker);
    }
}

// The main thread has touched all memory on one node, and there is a busy worker on each CPU.
void add_initialised(Scenario& scenario, const Machine& machine, Dice& dice) {
    const int by_cpu = dice.between(0, machine.cpus - 1);
    for (int cpu = 0; cpu < machine.cpus; ++cpu) {
        Worker worker = make_worker(cpu, cpu, dice);
        worker.placed_by = "pool";
        worker.parts = {{by_cpu, worker.memory_kib}};
        scenario.workers.push_back(worker);
    }
}

// Many threads of a runtime, none of them busy, and an agent that puts them all on another node.
void add_agent(Scenario& scenario, const Machine& machine, Dice& dice) {
    const int per_node = machine.cpus / machine.nodes;
    const int node = dice.between(0, machine.nodes - 1);
    const int there = cpu_on_another_node(node * per_node, machine, dice) / per_node;
    for (int i = 0; i < 17; ++i) {
        Worker worker = make_worker(i, node * per_node + i % per_node, dice);
        worker.memory_kib = 1024;
        worker.sleep_us = 15000;
        worker.moves = {{1000 + i, there * per_node + i % per_node}};
        scenario.workers.push_back(worker);
    }
}

// The story of scripts/demo: four workers, one is moved away for good, one comes back.
void add_demo(Scenario& scenario, const Machine& machine) {
    const int per_node = machine.cpus / machine.nodes;
    for (int i = 0; i < 4; ++i) {
        Worker worker;
        worker.name = "worker-" + std::to_string(i);
        worker.cpu = (i % 2) * per_node + (i / 2) % per_node;
        worker.memory_kib = 4096;
        scenario.workers.push_back(worker);
    }
    scenario.workers[1].moves = {{1500, 0}};
    scenario.workers[2].moves = {{1000, per_node}, {2500, scenario.workers[2].cpu}};
}

using Kind = std::pair<std::string, std::function<void(Scenario&, const Machine&, Dice&)>>;

// Those of old memory, in the order in which seeds take them.
std::vector<Kind> old_kinds() {
    using namespace std::placeholders;
    const auto access = [](const char* how) { return std::bind(add_access, how, _1, _2, _3); };
    return {{"churn", add_churn},
            {"deserted", add_deserted},
            {"huge", add_huge},
            {"many", add_many},
            {"pingpong", add_pingpong},
            {"policy", add_policy},
            {"pool", add_pool},
            {"shared", add_shared},
            {"split", add_split},
            {"base", access("base")},
            {"random", access("random")},
            {"counter", access("counter")},
            {"barrier", access("barrier")},
            {"follow", std::bind(add_turn, true, _1, _2, _3)},
            {"stay", std::bind(add_turn, false, _1, _2, _3)},
            {"half", add_half},
            {"threads", std::bind(add_requests, false, _1, _2, _3)},
            {"forks", std::bind(add_requests, true, _1, _2, _3)}};
}

// Those that are asked for by name only.
std::vector<Kind> named_kinds() {
    return {{"load", add_crowd},
            {"memoryless", add_memoryless},
            {"pinned", add_pinned},
            {"initialised", add_initialised},
            {"agent", add_agent}};
}

} // namespace

Scenario make_scenario(std::uint64_t seed, const std::string& kind, const Machine& machine, bool old_memory) {
    Dice dice(seed * 7919 + static_cast<std::uint64_t>(machine.nodes) * 31 + (machine.balancing ? 1 : 0));
    const auto kOld = old_kinds();
    Scenario scenario;
    scenario.seed = seed;
    scenario.kind = kind;
    if (scenario.kind.empty()) {
        const int roll = dice.between(1, 100);
        scenario.kind = roll <= 45 ? "affinity" : roll <= 75 ? "cpuset" : machine.balancing ? "numa" : "load";
        // Every third is of the plain kinds; the others take turns.
        if (old_memory && seed % 3 != 0) scenario.kind = kOld[(seed - seed / 3) % kOld.size()].first;
    }
    auto kinds = named_kinds();
    kinds.insert(kinds.end(), kOld.begin(), kOld.end());
    scenario.run_ms = old_memory ? 5600 : 2600;
    if (scenario.kind == "demo") {
        scenario.run_ms = 4000;
        add_demo(scenario, machine);
    } else if (scenario.kind == "numa") {
        scenario.run_ms = 6000;
        add_displaced(scenario, machine, dice);
    } else if (const auto maker = std::ranges::find(kinds, scenario.kind, &Kind::first); maker != kinds.end())
        maker->second(scenario, machine, dice);
    else add_moved_workers(scenario, scenario.kind, machine, dice);
    for (Worker& worker : scenario.workers) {
        worker.memory_before |= old_memory;
        if (worker.shares_with >= 0)
            worker.parts = scenario.workers[static_cast<std::size_t>(worker.shares_with)].parts;
        if (worker.parts.empty()) worker.parts = {{worker.cpu, worker.memory_kib}};
    }
    return scenario;
}

} // namespace drifter
