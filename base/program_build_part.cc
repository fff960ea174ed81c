// A shared object of ours, for program_build_test.
extern "C" int ProgramBuildPart() {
  return PROGRAM_BUILD_PART;
}
