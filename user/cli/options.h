// The command line as verbs declare it. CLI11 stands behind it, in options.cpp: its headers cost a compiler
// some five seconds in each file that includes them.
#pragma once

#include "util/result.h"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace numadrift::cli {

// What else is to be said of an option. The command line owns it.
class Option {
public:
    explicit Option(CLI::Option& option) : option_(&option) {}

    Option& required();
    Option& shows_default();
    Option& takes_lists(); // "a,b" are two values
    Option& takes_one();   // at a time, and may be given again
    Option& may_repeat();  // of one with a function: it takes each
    Option& is_positive(); // above zero
    Option& is_within(int least, int most);
    Option& is_within(double least, double most);
    Option& is_one_of(std::initializer_list<const char*> words);
    Option& is_one_of(std::initializer_list<int> numbers);
    Option& is_called(const std::string& value); // in the help, instead of its type

private:
    CLI::Option* option_;
};

// A verb. What is read goes into `target`, which lives as long as the command line.
class Verb {
public:
    Verb(CLI::App& app, const std::string& name, const std::string& about, const std::string& footer);

    Option option(const std::string& names, std::string& target, const std::string& help);
    Option option(const std::string& names, std::vector<std::string>& target, const std::string& help);
    Option option(const std::string& names, std::vector<std::uint32_t>& target, const std::string& help);
    Option option(const std::string& names, int& target, const std::string& help);
    Option option(const std::string& names, std::uint32_t& target, const std::string& help);
    Option option(const std::string& names, std::int64_t& target, const std::string& help);
    Option option(const std::string& names, std::uint64_t& target, const std::string& help);
    Option option(const std::string& names, double& target, const std::string& help);
    Option option(const std::string& names, std::optional<int>& target, const std::string& help);
    Option option(const std::string& names, std::optional<std::uint32_t>& target, const std::string& help);
    Option number(const std::string& names, const std::function<void(double)>& take, const std::string& help);
    // An error of `take` is one of the command line.
    Option text(const std::string& names, const std::function<Status(const std::string&)>& take,
                const std::string& help);
    Option flag(const std::string& names, bool& target, const std::string& help);

    // One of a few words, each of which means a value.
    template <class Enum> Option choice(const std::string& names, Enum& target,
                                        const std::map<std::string, Enum>& words, const std::string& help) {
        std::map<std::string, int> numbers;
        for (const auto& [word, value] : words) numbers[word] = static_cast<int>(value);
        return choice_of(
            names, numbers, [&target](int number) { target = static_cast<Enum>(number); }, help);
    }

    bool was_given(const std::string& name) const;

private:
    Option choice_of(const std::string& names, const std::map<std::string, int>& words,
                     const std::function<void(int)>& take, const std::string& help);

    CLI::App* verb_; // the command line owns it
};

// "256M", "1GiB": in bytes. Nothing: that is no size.
std::optional<std::uint64_t> parse_size(const std::string& text);

} // namespace numadrift::cli
