/* Version lock between generated model code and this runtime.
 *
 * The generator writes the version it was made for into every model.c, and the compiler stops with
 * #error when the two differ, so that a stale generated file is never linked silently. Raise the
 * number whenever a structure of these headers changes in a released version.
 */
#ifndef BITWAKE_BW_VERSION_H
#define BITWAKE_BW_VERSION_H

#define BW_RUNTIME_VERSION 1

#endif
