// Stories that end in advice: a thread that is parted from its memory, and what a report tells it to do.
#pragma once

#include "story.h"

#include <algorithm>
#include <string_view>

namespace numadrift::test {

// Thread 7 has its memory on node 0 and is moved to node 1 after a second; it runs there for one more. Its
// process is surveyed after that.
inline Story drifted() {
    Story story;
    story.at(0).seen(7, 0);
    story.at(1).touch(7, 100, 1000, 0);
    story.at(1000).move(7, 0, 2, 1000, ND_CAUSE_affinity);
    story.at(1400).add(0, Residency{"anonymous", "default", 0, 1000, 1000, 1000});
    return story;
}

// The same, and so many pages of process 100 on node 0, as a survey finds them.
inline Story drifted_with(const std::string& mapping, std::uint64_t pages) {
    Story story = drifted();
    story.at(1500).add(0, Residency{mapping, "default", 0, pages, pages, pages});
    return story;
}

inline Report finish(Story& story, const Thresholds& thresholds = {}) {
    story.at(2000).runtime(7, 2, 2000).end();
    return story.report(thresholds);
}

inline bool has_command(const Report& report, std::string_view begin) {
    return std::ranges::any_of(report.advice,
                               [&](const Advice& advice) { return advice.command.starts_with(begin); });
}

inline bool is_said(const Report& report, std::string_view words) {
    return std::ranges::any_of(
        report.advice, [&](const Advice& advice) { return advice.why.find(words) != std::string::npos; });
}

} // namespace numadrift::test
