/* queue */
#include "base/base.h"
