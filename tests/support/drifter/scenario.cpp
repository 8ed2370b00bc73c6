#include "scenario.h"

#include <algorithm>
#include <numeric>
#include <random>

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

int cpu_on_another_node(int cpu, int nodes, int cpus, Dice& dice) {
    const int per_node = cpus / nodes;
    int other = cpu;
    while (other / per_node == cpu / per_node) other = dice.between(0, cpus - 1);
    return other;
}

// Threads that are moved off their node, some back again, some never.
void add_moved_workers(Scenario& scenario, const std::string& by, int nodes, int cpus, bool balancing,
                       Dice& dice) {
    const auto order = shuffled_cpus(cpus, dice);
    const int count = dice.between(2, std::min(cpus, 4));
    for (int i = 0; i < count; ++i) {
        Worker worker;
        worker.name = "worker-" + std::to_string(i);
        worker.cpu = order[static_cast<std::size_t>(i)];
        worker.memory_kib = 1024 * dice.between(2, 6);
        worker.memory_before = balancing && dice.chance(60);
        worker.by = by;
        if (i == 0 || dice.chance(50)) {
            const int at_ms = dice.between(700, 1200);
            worker.moves.push_back({at_ms, cpu_on_another_node(worker.cpu, nodes, cpus, dice)});
            if (dice.chance(40)) worker.moves.push_back({at_ms + dice.between(700, 1000), worker.cpu});
        }
        scenario.workers.push_back(worker);
    }
}

// One thread may go anywhere; its CPU and its node get crowded, so that the balancer moves it.
void add_crowd(Scenario& scenario, int nodes, int cpus, Dice& dice) {
    const int per_node = cpus / nodes;
    const int node = dice.between(0, nodes - 1);
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
void add_displaced(Scenario& scenario, int nodes, int cpus, Dice& dice) {
    const auto order = shuffled_cpus(cpus, dice);
    for (int i = 0; i < cpus; ++i) {
        Worker worker;
        worker.name = "free-" + std::to_string(i);
        worker.cpu = order[static_cast<std::size_t>(i)];
        worker.keeps_touching = i % 2 == 0;
        worker.memory_kib = worker.keeps_touching ? 8192 : 512;
        worker.memory_before = worker.keeps_touching;
        worker.by = "affinity";
        if (worker.keeps_touching) {
            worker.moves.push_back({400, cpu_on_another_node(worker.cpu, nodes, cpus, dice)});
            worker.moves.push_back({450, -1});
        } else worker.moves.push_back({450, -1});
        scenario.workers.push_back(worker);
    }
}

// The story of scripts/demo: four workers, one is moved away for good, one comes back.
void add_demo(Scenario& scenario, int nodes, int cpus) {
    const int per_node = cpus / nodes;
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

} // namespace

Scenario make_scenario(std::uint64_t seed, const std::string& kind, int nodes, int cpus, bool balancing) {
    Dice dice(seed * 7919 + static_cast<std::uint64_t>(nodes) * 31 + (balancing ? 1 : 0));
    std::string chosen = kind;
    if (chosen.empty()) {
        const int roll = dice.between(1, 100);
        chosen = roll <= 45 ? "affinity" : roll <= 75 ? "cpuset" : balancing ? "numa" : "load";
    }
    Scenario scenario;
    scenario.seed = seed;
    scenario.run_ms = 2600;
    if (chosen == "demo") {
        scenario.run_ms = 4000;
        add_demo(scenario, nodes, cpus);
    } else if (chosen == "load") add_crowd(scenario, nodes, cpus, dice);
    else if (chosen == "numa") {
        scenario.run_ms = 6000;
        add_displaced(scenario, nodes, cpus, dice);
    } else add_moved_workers(scenario, chosen, nodes, cpus, balancing, dice);
    return scenario;
}

} // namespace drifter
