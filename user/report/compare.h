// Two reports side by side: which threads lost or won locality, where their run time and their memory went,
// and what else changed. A difference inside the noise is called so.
//
// What noise is: the locality of a group goes up and down inside one window, too, and profiles are known
// within bounds. A difference counts if it is larger than what both together would make of a group that did
// not change, and than five points.
#pragma once

#include "report/groups.h"

#include <optional>
#include <string>
#include <vector>

namespace numadrift {

struct Side {
    std::size_t threads = 0;
    std::uint64_t cpu_ns = 0;
    double remote_cpu_ns = 0;
    std::optional<double> locality;
    std::map<Node, double> run;    // shares of the CPU time
    std::map<Node, double> memory; // shares of the memory it was spent on
};

enum class Change { none, lost, won, unknown, only_in_a, only_in_b };

std::string_view change_name(Change change);

struct GroupChange {
    std::string key;
    Side a;
    Side b;
    double delta = 0; // of the locality, B less A
    double noise = 0; // as large a difference says nothing
    Change change = Change::none;
    std::vector<std::string> why; // causes of the moves in the worse of both, in words
};

// What the two hosts or windows differ in otherwise.
struct HostChange {
    std::string what;
    std::string a;
    std::string b;
};

// A counter of the host, by the second.
struct RateChange {
    std::string what;
    double a = 0;
    double b = 0;
};

struct Comparison {
    std::string verdict; // one or two sentences
    bool changed = false;
    bool is_known = false; // of most of what both ran: else "no change" would be no answer
    GroupBy by = GroupBy::name;
    std::vector<GroupChange> groups; // those that changed first, the largest loss of CPU time before
    std::vector<HostChange> host;
    std::vector<RateChange> rates; // that differ by a half at least
    Side a;
    Side b;
};

Comparison compare(const Report& a, const Report& b, GroupBy by);

std::string render_comparison(const Comparison& comparison, const Report& a, const Report& b);
std::string render_comparison_json(const Comparison& comparison, const Report& a, const Report& b);

} // namespace numadrift
