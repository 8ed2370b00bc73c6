// The report for a person at a terminal: at most 80 columns where names allow, no colour needed.
#pragma once

#include "report/groups.h"

#include <optional>
#include <string>
#include <string_view>

namespace numadrift {

struct TextOptions {
    std::size_t most_threads = 10;   // told one by one; the rest is summed up by name
    std::string file;                // of the trace, for the first lines; may be empty
    std::optional<GroupBy> group_by; // a table of groups, before the threads
    bool is_verbose = false;         // all that this machine does not let us see
};

std::string render_text(const Report& report, const TextOptions& options);

// What is said of one thread: its home, what it lost, when it was away and why.
std::string render_thread(const ThreadReport& thread);

// "node 1"; "node ?" where nobody knows.
std::string node_text(Node node);

// "nginx (4711)", the name made harmless.
std::string thread_text(std::string_view comm, Tid tid);

// "wakeup by nginx (4711)": what opened the interval.
std::string by_text(const AwayInterval& interval);

// The letter a strip has for it.
char mark_of(Standing standing);

} // namespace numadrift
