// The command line as a whole: help that fits 80 columns, and errors that name the nearest right form.
#pragma once

#include <optional>

namespace CLI {
class App;
}

namespace numadrift::cli {

// Help of it and of its verbs is broken at 80 columns from now on; verbs that are added later too.
void fit_help(CLI::App& app);

// Parses. Answers the exit status where there is nothing to run: help, the version, or an error, that it has
// printed.
std::optional<int> parse(CLI::App& app, int argc, char** argv);

} // namespace numadrift::cli
