#include "util/errno_hint.h"

#include <cerrno>

namespace numadrift {

std::string resource_hint(int error) {
    switch (error) {
    case EMFILE: return "too many files are open: raise the limit (ulimit -n, LimitNOFILE= of a service)";
    case ENFILE: return "the whole machine has too many files open (sysctl fs.file-max)";
    case ENOMEM: return "too little memory is left, on the machine or in this memory cgroup";
    default: return {};
    }
}

std::string file_hint(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return "free some space, or write elsewhere with -o FILE";
    case EACCES:
    case EPERM:
    case EROFS: return "choose a place you may write to with -o FILE";
    case EFBIG: return "the limit of file sizes is reached (ulimit -f)";
    case EISDIR: return "it is a directory; choose a file with -o FILE";
    case ENOENT: return "the directory does not exist; create it or choose another with -o FILE";
    case ENXIO: return "it is a pipe that nobody reads; choose a file with -o FILE";
    case ELOOP: return "the file is a symbolic link; numadrift does not follow those";
    default: return resource_hint(error);
    }
}

} // namespace numadrift
