/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The number of elements of an array.
 */
#ifndef TESTS_UNIT_COUNT_H
#define TESTS_UNIT_COUNT_H

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
