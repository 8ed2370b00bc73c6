// drifter: a process whose threads really drift, and what is true about it.
//
//   drifter make SEED [KIND] --nodes N --cpus N [--balancing]   prints a scenario
//   drifter run SCENARIO TRUTH --nodes N --cpus N               runs it: "ready PID", SIGUSR1, work
//   drifter moved TRUTH                                         names the threads it moved
//   drifter check TRUTH REPORT [LOG]                            holds a report against the truth
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
    int nodes = 2;
    int cpus = 4;
    bool balancing = false;
    auto* make = app.add_subcommand("make");
    make->add_option("SEED", seed)->required();
    make->add_option("KIND", kind);
    make->add_flag("--balancing", balancing);
    auto* run = app.add_subcommand("run");
    run->add_option("SCENARIO", first)->required();
    run->add_option("TRUTH", second)->required();
    auto* moved = app.add_subcommand("moved");
    moved->add_option("TRUTH", first)->required();
    auto* check = app.add_subcommand("check");
    check->add_option("TRUTH", first)->required();
    check->add_option("REPORT", second)->required();
    check->add_option("LOG", kernel_log);
    for (auto* verb : {make, run}) {
        verb->add_option("--nodes", nodes);
        verb->add_option("--cpus", cpus);
    }
    CLI11_PARSE(app, argc, argv);
    try {
        if (*make) {
            const nlohmann::json scenario = drifter::make_scenario(seed, kind, nodes, cpus, balancing);
            std::cout << scenario.dump(1) << "\n";
        } else if (*run) {
            const auto scenario = nlohmann::json::parse(read_text(first)).get<drifter::Scenario>();
            const nlohmann::json truth = drifter::run_scenario(scenario, nodes, cpus);
            std::ofstream(second) << truth.dump() << "\n";
        } else if (*moved) {
            const auto truth = nlohmann::json::parse(read_text(first)).get<drifter::Truth>();
            for (const auto& worker : truth.workers)
                if (!worker.orders.empty()) std::cout << worker.worker.name << " (" << worker.tid << ")\n";
        } else {
            const auto truth = nlohmann::json::parse(read_text(first)).get<drifter::Truth>();
            const auto wrong = drifter::check_report(truth, nlohmann::json::parse(read_text(second)),
                                                     kernel_log.empty() ? "" : read_text(kernel_log));
            for (const auto& line : wrong) std::cout << line << "\n";
            return wrong.empty() ? 0 : 1;
        }
    } catch (const std::exception& error) {
        std::cerr << "drifter: " << error.what() << "\n";
        return 2;
    }
}
