// What goes into a report comes out of it: lives, CPU time, events. Of worlds made by chance, in which
// threads are born, move, rest, use memory and end, and ids are used again.
#include "report/groups.h"
#include "source/memory.h"
#include "story.h"
#include "window/window.h"

#include <cmath>
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <memory>
#include <numeric>
#include <random>

using namespace numadrift;
using numadrift::test::Story;

namespace {

constexpr std::uint32_t kCpus = 4; // two a node, as stories have them
constexpr int kSteps = 400;
constexpr double kStepMs = 10;

struct Life {
    std::uint32_t tid = 0;
    std::uint32_t cpu = 0;
    double ran_ms = 0;
    std::map<int, double> on_node_ms;
};

// A world as it was, and what was told of it.
class World {
public:
    explicit World(unsigned seed) : random_(seed) {
        for (int i = 0; i < 3; ++i) be_born(true);
        for (int step = 1; step < kSteps; ++step) {
            ms_ = step * kStepMs;
            story.at(ms_);
            if (living_.empty() || (chance(20) && living_.size() < 12)) be_born(false);
            for (std::size_t i = living_.size(); i-- > 0;) live(i);
        }
        while (!living_.empty()) end(living_.size() - 1);
        story.end();
    }

    double ran_ms() const {
        return std::accumulate(lives.begin(), lives.end(), 0.0,
                               [](double sum, const Life& life) { return sum + life.ran_ms; });
    }

    Story story;
    std::vector<Life> lives; // in the order of their births

private:
    unsigned below(unsigned count) { return static_cast<unsigned>(random_() % count); }
    bool chance(unsigned one_in) { return below(one_in) == 0; }

    void be_born(bool is_there_already) {
        const std::uint32_t tid = Story::kPid + below(20);
        for (const std::size_t other : living_)
            if (lives[other].tid == tid) return;
        living_.push_back(lives.size());
        lives.push_back({tid, below(kCpus), 0, {}});
        if (is_there_already) story.seen(tid, lives.back().cpu);
        else story.add(tid, TaskNew{lives.back().cpu, Story::kPid, fmt::format("worker-{}", tid)});
    }

    void live(std::size_t i) {
        Life& life = lives[living_[i]];
        if (!chance(3)) {
            const double ran_ms = kStepMs * below(101) / 100;
            life.ran_ms += ran_ms;
            life.on_node_ms[static_cast<int>(life.cpu / 2)] += ran_ms;
        }
        switch (below(12)) {
        case 0: {
            const std::uint32_t to = below(kCpus);
            if (to == life.cpu) break;
            story.move(life.tid, life.cpu, to, life.ran_ms, static_cast<std::uint8_t>(1 + below(5)));
            life.cpu = to;
            return;
        }
        case 1:
            story.touch(life.tid, 1000 * life.tid + below(500), 1 + below(64), static_cast<int>(below(2)));
            break;
        case 2:
            story.hint(life.tid, 1000 * life.tid + below(500), 1 + below(8), static_cast<int>(below(2)));
            break;
        case 3:
            story.add(life.tid, AccessSample{(1000ull * life.tid + below(500)) * 4096,
                                             static_cast<int>(below(2)), ND_SAMPLE_exact});
            break;
        case 4: story.add(life.tid, TaskRename{fmt::format("name-{}", below(5))}); break;
        case 5:
            if (chance(8)) return end(i);
            break;
        default: break;
        }
        if (chance(2)) story.runtime(life.tid, life.cpu, life.ran_ms);
    }

    void end(std::size_t i) {
        const Life& life = lives[living_[i]];
        const std::uint64_t ran_ns = static_cast<std::uint64_t>(life.ran_ms * 1e6);
        story.add(life.tid, TaskExit{life.cpu, ran_ns}).add(life.tid, TaskGone{ran_ns});
        living_.erase(living_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    std::minstd_rand random_;
    std::vector<std::size_t> living_; // into lives
    double ms_ = 0;
};

template <class Map> double sum_of(const Map& map) {
    return std::accumulate(map.begin(), map.end(), 0.0, [](double sum, const auto& entry) {
        return sum + static_cast<double>(entry.second);
    });
}

constexpr double kRounding = 1000; // ns of a thread, in sums of numbers that were rounded

void check_thread(const ThreadReport& thread) {
    const Locality& locality = thread.locality;
    const auto total = static_cast<double>(locality.total_cpu_ns);
    CHECK(sum_of(locality.cpu_ns) + static_cast<double>(locality.unattributed_cpu_ns) == total);
    CHECK(std::abs(sum_of(locality.standing_cpu_ns) - total) <= kRounding);
    CHECK(locality.profiled_cpu_ns <= locality.total_cpu_ns);
    CHECK(locality.remote_cpu_ns <= static_cast<double>(locality.profiled_cpu_ns) + kRounding);
    CHECK(std::abs(sum_of(locality.use_ns) - static_cast<double>(locality.profiled_cpu_ns)) <= kRounding);
    double spans_ns = 0;
    for (const StandingSpan& span : locality.spans) spans_ns += static_cast<double>(span.ran_ns);
    CHECK(std::abs(spans_ns - total) <= kRounding);
    double away_ns = 0;
    for (const AwayInterval& away : locality.away) away_ns += static_cast<double>(away.cpu_ns);
    CHECK(std::abs(away_ns - sum_of(locality.away_cpu_ns)) <= kRounding);
}

} // namespace

TEST_CASE("each life is a thread of the report, with the CPU time it had on each node") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const World world(seed);
        const Report report = world.story.report();
        REQUIRE(report.threads.size() == world.lives.size());
        std::map<std::pair<std::uint32_t, std::int64_t>, int> told; // by id, and what it ran in us
        for (const ThreadReport& thread : report.threads)
            ++told[{raw(thread.tid), std::llround(static_cast<double>(thread.locality.total_cpu_ns) / 1e3)}];
        for (const Life& life : world.lives) --told[{life.tid, std::llround(life.ran_ms * 1e3)}];
        for (const auto& one : told)
            CHECK_MESSAGE(one.second == 0, "thread ", one.first.first, ", ", one.first.second, " us");
        std::map<int, double> on_node_ms;
        for (const Life& life : world.lives)
            for (const auto& [node, ms] : life.on_node_ms) on_node_ms[node] += ms;
        for (const auto& [node, ms] : on_node_ms) {
            double said_ms = 0;
            for (const ThreadReport& thread : report.threads)
                if (const auto on = thread.locality.cpu_ns.find(Node{node});
                    on != thread.locality.cpu_ns.end())
                    said_ms += static_cast<double>(on->second) / 1e6;
            CHECK(said_ms == doctest::Approx(ms).epsilon(1e-6));
        }
    }
}

TEST_CASE("what is said of a thread, of groups and of all adds up") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const World world(seed);
        const Report report = world.story.report();
        CHECK(static_cast<double>(report.cpu_ns) / 1e6 == doctest::Approx(world.ran_ms()).epsilon(1e-6));
        double cpu_ns = 0;
        for (const ThreadReport& thread : report.threads) {
            check_thread(thread);
            cpu_ns += static_cast<double>(thread.locality.total_cpu_ns);
        }
        CHECK(cpu_ns == static_cast<double>(report.cpu_ns));
        for (const GroupBy by : {GroupBy::thread, GroupBy::name, GroupBy::process, GroupBy::cgroup}) {
            std::uint64_t of_groups_ns = 0;
            std::size_t threads = 0;
            for (const Group& group : group_threads(report, by)) {
                of_groups_ns += group.total_cpu_ns;
                threads += group.threads.size();
            }
            CHECK(of_groups_ns == report.cpu_ns);
            CHECK(threads == report.threads.size());
        }
        std::uint64_t events = 0;
        for (const auto& [kind, count] : report.events) events += count;
        CHECK(events == world.story.events.size());
    }
}

TEST_CASE("windows that are cut from a recording have its CPU time together") {
    for (unsigned seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        const World world(seed);
        const auto ran_ns = [&world](const char* from, const char* to) {
            const auto bound = [](const char* text) {
                return *text ? std::optional(*TimePoint::parse(text)) : std::nullopt;
            };
            WindowSource window(std::make_unique<MemorySource>(world.story.events), {bound(from), bound(to)});
            return static_cast<double>(make_report(window, {})->cpu_ns);
        };
        const double parts_ns = ran_ns("", "+1.3s") + ran_ns("+1.3s", "+2.7s") + ran_ns("+2.7s", "");
        CHECK(parts_ns / 1e6 == doctest::Approx(world.ran_ms()).epsilon(0.005));
    }
}
