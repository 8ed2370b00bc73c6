// The memory of a scenario's threads: getting it, putting it where it is to be, moving it, and
// looking where it is.
#pragma once

#include "truth.h"

#include <cstddef>

namespace drifter {

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC);
void pin(int tid, int cpu, int cpus);

// Reserved, with its policy, but not touched.
char* allocate_memory(const Worker& worker, const Machine& machine);

// First touch, each part from its CPU; the calling thread is left pinned to the last.
void place_memory(const Worker& worker, char* memory, const Machine& machine);

void touch(char* memory, std::size_t begin, std::size_t end);

// Moves `bytes` of memory, or for "migrate_pages" and "cpuset" all of the process, to a node.
void move_memory(const MemoryMove& move, char* memory, std::size_t bytes, const Machine& machine);

// Pages by node, of at most 64.
MemorySample sample_memory(const char* memory, std::size_t bytes, int nodes);

// The body of "drifter migrate PID TO NODES": all pages of a process to one node, from outside.
int migrate_process(int pid, int to_node, int nodes);

} // namespace drifter
