// touched TRACE PID BASE BYTES: what a trace says of first touches in a range of a process:
//   TID KIND N0 N1 N2 N3      a line for each thread and kind of memory
//   twice N                   pages that were touched more than once
#include "trace_events.h"

#include <array>
#include <cstdlib>
#include <fmt/core.h>
#include <map>

int main(int argc, char** argv) {
    using namespace numadrift;
    if (argc != 5) return 2;
    const auto pid = static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10));
    const std::uint64_t base = std::strtoull(argv[3], nullptr, 16);
    const std::uint64_t bytes = std::strtoull(argv[4], nullptr, 10);
    std::map<std::pair<std::uint32_t, std::string>, std::array<std::uint64_t, 4>> sums;
    std::map<std::uint64_t, int> times;
    const bool is_read = test::for_each_event(argv[1], [&](const Event& event) {
        const auto* touch = std::get_if<FirstTouch>(&event.payload);
        if (!touch || event.pid != pid) return;
        for (std::uint32_t i = 0; i < touch->pages; ++i) {
            const std::uint64_t address = (touch->address & ~std::uint64_t{4095}) + i * std::uint64_t{4096};
            if (address < base || address >= base + bytes) continue;
            ++sums[{event.tid, std::string(memory_name(touch->memory))}].at(
                static_cast<std::size_t>(touch->node));
            ++times[address];
        }
    });
    if (!is_read) return fmt::print(stderr, "{} cannot be read\n", argv[1]), 1;
    for (const auto& [who, nodes] : sums)
        fmt::print("{} {} {} {} {} {}\n", who.first, who.second, nodes[0], nodes[1], nodes[2], nodes[3]);
    std::uint64_t twice = 0;
    for (const auto& [address, count] : times) twice += count > 1;
    fmt::print("twice {}\n", twice);
}
