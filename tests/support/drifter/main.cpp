// drifter: a process whose threads really drift, and what is true about it.
//
//   drifter make SEED [KIND] --nodes N --cpus N [--balancing] [--old-memory] [--calm]   prints a scenario
//   drifter run SCENARIO TRUTH --nodes N --cpus N               runs it: "ready PID", SIGUSR1, work
//   drifter moved TRUTH                                         names the threads it moved
//   drifter check TRUTH REPORT [LOG] [--beside-others]          holds a report against the truth; others:
//   that
//                                                               take hint faults, too
//   drifter migrate PID TO --nodes N                            moves all its pages, from outside
#include "memory.h"
#include "truth.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void print_score(const drifter::Score& score, const std::string& kind) {
    std::cout << "score threads " << score.threads << " right " << score.verdicts_right << " unknown "
              << score.verdicts_unknown << " causes " << score.causes << " causes_right "
              << score.causes_right << " weights " << score.weights << " within_5 " << score.weights_within_5
              << " within_10 " << score.weights_within_10 << " covered " << score.covered << " kind " << kind
              << "\n";
}

int check_files(const std::string& truth_file, const std::string& report_file, const std::string& log_file,
                bool beside_others) {
    const auto truth = nlohmann::json::parse(read_text(truth_file)).get<drifter::Truth>();
    drifter::Score score;
    const auto wrong =
        drifter::check_report(truth, nlohmann::json::parse(read_text(report_file)),
                              log_file.empty() ? "" : read_text(log_file), beside_others, score);
    for (const auto& line : wrong) std::cout << line << "\n";
    print_score(score, truth.scenario.kind);
    return wrong.empty() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    // Blocked in all threads, taken by sigwait: "go".
    sigset_t go;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    sigprocmask(SIG_BLOCK, &go, nullptr);

    CLI::App app("ground truth for numadrift");
    app.require_subcommand(1);
    std::uint64_t seed = 0;
    std::string kind;
    std::string first;
    std::string second;
    std::string kernel_log;
    drifter::Machine machine;
    bool old_memory = false;
    bool calm = false;
    bool stays = false;
    bool beside_others = false;
    int pid = 0;
    int to_node = 0;
    auto* make = app.add_subcommand("make");
    make->add_option("SEED", seed)->required();
    make->add_option("KIND", kind);
    make->add_flag("--balancing", machine.balancing);
    make->add_flag("--old-memory", old_memory);
    make->add_flag("--calm", calm, "the same, but nothing is moved");
    auto* run = app.add_subcommand("run");
    run->add_option("SCENARIO", first)->required();
    run->add_option("TRUTH", second)->required();
    run->add_flag("--stays", stays, "go on when the scenario is over, until SIGTERM");
    auto* moved = app.add_subcommand("moved");
    moved->add_option("TRUTH", first)->required();
    auto* check = app.add_subcommand("check");
    check->add_option("TRUTH", first)->required();
    check->add_option("REPORT", second)->required();
    check->add_option("LOG", kernel_log);
    check->add_flag("--beside-others", beside_others);
    auto* migrate = app.add_subcommand("migrate");
    migrate->add_option("PID", pid)->required();
    migrate->add_option("TO", to_node)->required();
    for (auto* verb : {make, run, migrate}) {
        verb->add_option("--nodes", machine.nodes)
            ->check(CLI::Range(2, 64)); // with one there is nowhere to go
        verb->add_option("--cpus", machine.cpus);
    }
    CLI11_PARSE(app, argc, argv);
    try {
        if (stays) { // which SIGTERM ends, in the same way
            sigaddset(&go, SIGTERM);
            sigprocmask(SIG_BLOCK, &go, nullptr);
        }
        if (*make) {
            auto scenario = drifter::make_scenario(seed, kind, machine, old_memory);
            for (auto& worker : scenario.workers)
                if (calm) worker.moves.clear(), worker.memory_moves.clear();
            std::cout << nlohmann::json(scenario).dump(1) << "\n";
        } else if (*run) {
            const auto scenario = nlohmann::json::parse(read_text(first)).get<drifter::Scenario>();
            const nlohmann::json truth = drifter::run_scenario(scenario, machine, stays);
            std::ofstream(second) << truth.dump() << "\n";
        } else if (*migrate) {
            return drifter::migrate_process(pid, to_node, machine.nodes);
        } else if (*moved) {
            const auto truth = nlohmann::json::parse(read_text(first)).get<drifter::Truth>();
            for (const auto& worker : truth.workers)
                if (!worker.orders.empty()) std::cout << worker.worker.name << " (" << worker.tid << ")\n";
        } else {
            return check_files(first, second, kernel_log, beside_others);
        }
    } catch (const std::exception& error) {
        std::cerr << "drifter: " << error.what() << "\n";
        return 2;
    }
}
