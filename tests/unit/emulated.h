/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for another processor run in an emulator, many times slower. What differs on that
 * processor shows after a few repetitions, so they repeat less often there; programs for this
 * machine's own processor run the same tests with all repetitions.
 */
#ifndef TESTS_UNIT_EMULATED_H
#define TESTS_UNIT_EMULATED_H

#ifdef EMULATED
#define UNLESS_EMULATED(usual, emulated) (emulated)
#else
#define UNLESS_EMULATED(usual, emulated) (usual)
#endif

#endif
