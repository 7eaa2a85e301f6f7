#include <cstdio>

int main() { std::puts("pgassay"); }
