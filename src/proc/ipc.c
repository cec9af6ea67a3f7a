/* proc */
#include "base/base.h"
