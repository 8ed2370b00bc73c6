#include "cli/command_line.h"

#include "cli/cli.h"
#include "report/lines.h"
#include "util/file.h"
#include "util/text.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace numadrift::cli {
namespace {

// Rows of CLI11's help, the right column broken as all our text is.
class Fitted : public CLI::Formatter {
public:
    std::string make_option(const CLI::Option* option, bool is_positional) const override {
        return row(make_option_name(option, is_positional) + make_option_opts(option),
                   make_option_desc(option));
    }
    std::string make_subcommand(const CLI::App* verb) const override {
        return row(verb->get_name(), verb->get_description());
    }

private:
    // A name that leaves no room has a line of its own.
    std::string row(const std::string& name, const std::string& description) const {
        const std::size_t column = get_column_width();
        Lines out;
        std::string left = "  " + name;
        if (left.size() >= column) out.line("{}", std::exchange(left, ""));
        out.wrapped(fmt::format("{:<{}}{}", left, column, description), column);
        return out.take();
    }
};

// How many letters must be put in, taken out or changed, or neighbours exchanged, to make one of the other.
std::size_t edits_between(std::string_view one, std::string_view other) {
    std::vector<std::vector<std::size_t>> edits(one.size() + 1, std::vector<std::size_t>(other.size() + 1));
    for (std::size_t i = 0; i <= one.size(); ++i)
        for (std::size_t j = 0; j <= other.size(); ++j) {
            if (i == 0 || j == 0) {
                edits[i][j] = i + j;
                continue;
            }
            const bool same = one[i - 1] == other[j - 1];
            edits[i][j] = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, edits[i - 1][j - 1] + !same});
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
        }
    return edits[one.size()][other.size()];
}

// What was meant, most likely; empty where nothing is near.
std::string nearest(std::string_view word, const std::vector<std::string>& words) {
    constexpr std::size_t kLongest = 64; // more was no slip
    std::string best;
    std::size_t least = 1 + std::max<std::size_t>(1, word.size() / 3);
    if (word.size() > kLongest) return best;
    for (const std::string& candidate : words)
        if (const std::size_t edits = edits_between(word, candidate); edits < least) {
            least = edits;
            best = candidate;
        }
    return best;
}

int fail(const std::string& what, const std::string& hint) {
    say("numadrift: " + printable(what));
    say("hint: " + printable(hint));
    return kExitUsage;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands(nullptr)) names.push_back(verb->get_name());
    return names;
}

std::vector<std::string> options_of(const CLI::App& verb) {
    std::vector<std::string> names;
    for (const CLI::Option* option : verb.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

int fail_for(const CLI::App& app, const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    if (chosen.empty())
        return fail("what is to be done? No verb is given",
                    "numadrift --help; to begin: numadrift record -p PID");
    const CLI::App& verb = *chosen.front();
    const std::string see_help = fmt::format("numadrift {} --help", verb.get_name());
    if (!dynamic_cast<const CLI::ExtrasError*>(&error))
        return fail(verb.get_name() + ": " + error.what(), see_help);
    const auto left = verb.remaining(true);
    const auto option =
        std::ranges::find_if(left, [](const std::string& word) { return word.starts_with('-'); });
    if (option == left.end())
        return fail(fmt::format("{}: too many words: {}", verb.get_name(), left.empty() ? "" : left.front()),
                    see_help);
    const std::string name = option->substr(0, option->find('='));
    const std::string meant = nearest(name, options_of(verb));
    return fail(fmt::format("{} has no option {}", verb.get_name(), name),
                meant.empty() ? see_help : fmt::format("did you mean {}? {} has them all", meant, see_help));
}

} // namespace

void fit_help(CLI::App& app) {
    app.formatter(std::make_shared<Fitted>());
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
    const std::vector<std::string> verbs = verbs_of(app);
    if (argc > 1 && argv[1][0] != '-' && std::ranges::find(verbs, argv[1]) == verbs.end()) {
        const std::string meant = nearest(argv[1], verbs);
        return fail(fmt::format("no verb {}", argv[1]),
                    meant.empty()
                        ? "numadrift --help has all verbs"
                        : fmt::format("did you mean: numadrift {}? numadrift --help has all verbs", meant));
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) { // help, version
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        return fail_for(app, error);
    }
    return std::nullopt;
}

} // namespace numadrift::cli
