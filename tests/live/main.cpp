// Live tests: the running kernel, real programs, known workloads. Skipped as a whole, by name and
// with the reason, where BPF cannot be had.
#define DOCTEST_CONFIG_IMPLEMENT
#include "source/live/preview.h"

#include <cstdio>
#include <doctest/doctest.h>

int main(int argc, char** argv) {
    if (const auto sources = numadrift::live::preview_sources(); !sources) {
        std::printf("SKIPPED live: %s\n", sources.error().what.c_str());
        return 77;
    }
    return doctest::Context(argc, argv).run();
}
