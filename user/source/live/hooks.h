// Which BPF programs there are, what each is for, and which fit a kernel. Every program is
// optional on its own terms, except the core: a program that cannot be had turns one source off,
// or narrows what it sees, and both are said.
//
// Owns: the catalogue, the choice. Does not own: loading (programs.h).
#pragma once

#include "event/event.h"
#include "source/live/kernel_btf.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::live {

enum class Path {
    core,     // without it there is no recording
    exact,    // fentry on the function that does it
    fallback, // tracepoints, where the exact path cannot be had
    extra,    // belongs to both paths; without it the source sees less
};

struct Hook {
    const char* program; // name in the skeleton; there is a hook for each source it is for
    const char* section; // "tp_btf/…", "fentry/…", as in the object
    const char* source;
    Path path;
    const char* covers;                    // what is not seen without it; programs for other kernels
                                           // that cover the same have the same text; empty: an extra
                                           // that only tells the cause of what is seen anyway
    const char* first_parameter = nullptr; // the struct that tells the kernel's version of a function
};

// What the hooks cover that tell where migrating pages come from.
inline constexpr std::string_view kPageOrigin = "the node pages came from";

const std::vector<Hook>& hooks();

// Programs that cannot be used, and why.
using Excluded = std::map<std::string, std::string>;

// What the kernel lacks, by BTF alone. fentry_refused: why trampolines cannot be had, or empty.
Excluded exclude_missing(const KernelBtf& kernel, const std::string& fentry_refused);

struct Choice {
    std::vector<const Hook*> programs;
    std::vector<SourceState> sources;
    std::string core_missing; // why there can be no recording; empty if there can
};

// The programs to load, given those that cannot be, and what that means for the sources.
Choice choose(const Excluded& excluded);

// Only what tells the memory policies of mappings: for a look that records nothing.
Choice choose_looks(const Excluded& excluded);

} // namespace numadrift::live
