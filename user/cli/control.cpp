#include "control/control.h"

#include "cli/cli.h"
#include "util/text.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift::cli {
namespace {

struct ControlOptions {
    int recorder = 0;
    std::vector<std::string> words;
};

// The one recorder that is meant.
Result<int> choose(int asked_for) {
    if (asked_for > 0) return asked_for;
    const auto running = control::recorders();
    if (running.size() == 1) return running.front();
    if (running.empty())
        return Error{"no recorder runs here",
                     "start one: numadrift record --flight 60s -p PID; ask as the user who records"};
    return Error{fmt::format("{} recorders run here: {}", running.size(), fmt::join(running, ", ")),
                 fmt::format("name one of them: --recorder {}", running.front()), true};
}

Result<int> speak(const std::string& verb, const ControlOptions& options) {
    const auto recorder = choose(options.recorder);
    if (!recorder) return recorder.error();
    std::string line = fmt::format("{}", fmt::join(options.words, " "));
    for (char& byte : line)
        if (byte == '\n' || byte == '\0') byte = ' ';
    const auto answer = control::say(*recorder, line.empty() ? verb : verb + " " + line);
    if (!answer) return answer.error();
    if (auto status = print_out(printable(*answer) + "\n"); !status) return status.error();
    return 0;
}

Run add(CLI::App& app, const char* name, const char* help, bool needs_text) {
    Verb verb(app, name, help,
              fmt::format("Examples:\n"
                          "  numadrift {} 'deployed 4.2'\n"
                          "  numadrift {} --recorder 4711 'alert: p99'",
                          name, name));
    auto options = std::make_shared<ControlOptions>();
    auto text = verb.option("TEXT", options->words, "What it is about");
    if (needs_text) text.required();
    verb.option("--recorder", options->recorder, "Process id of the recorder, where several run")
        .is_positive();
    return [name = std::string(name), options] { return speak(name, *options); };
}

} // namespace

Run add_trigger(CLI::App& app) {
    return add(app, "trigger", "Make a running flight recorder write its window; prints the file's name",
               false);
}

Run add_mark(CLI::App& app) {
    return add(app, "mark", "Put a mark into what is being recorded: a deploy, an alert", true);
}

} // namespace numadrift::cli
