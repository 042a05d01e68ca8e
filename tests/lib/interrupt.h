/* SPDX-License-Identifier: GPL-2.0 */
/* A signal now and then, for calls that are to be interrupted. */
#ifndef TESTS_INTERRUPT_H
#define TESTS_INTERRUPT_H

/* The process gets one every so many ms, and its calls are not restarted; 0 stops that. */
void interrupt_every(unsigned int ms);

#endif
