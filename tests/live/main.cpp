// Live tests: the running kernel, real programs, known workloads. Each is skipped, with the reason, where BPF
// cannot be had. (CTest lists them while they are built.)
#define DOCTEST_CONFIG_IMPLEMENT
#include "source/live/preview.h"

#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <span>
#include <string_view>

int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const bool lists =
        std::ranges::any_of(std::span(argv, static_cast<std::size_t>(argc)), [](const char* word) {
            return std::string_view(word).starts_with("--list-test-cases");
        });
    if (lists) return context.run();
    if (const auto sources = numadrift::live::preview_sources(); !sources) {
        std::printf("SKIPPED live: %s\n", sources.error().what.c_str());
        return 77;
    }
    return context.run();
}
