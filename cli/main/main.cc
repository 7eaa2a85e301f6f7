#include "cli/commands.h"

int main(int argc, char** argv) { return pgassay::cli::Main(argc, argv); }
