"""A window on the screen that shows pictures, by pygame: one of a process, as pygame has it."""

from __future__ import annotations

from gymnasium.error import DependencyNotInstalled

from hotlap.drawing import HEIGHT, WIDTH, Picture

try:
    import pygame
except ImportError as error:
    raise DependencyNotInstalled('a window wants pygame: pip install "hotlap[human]"') from error


class Window:
    """Opens at once; its user may close it at any time."""

    def __init__(self, fps: float) -> None:
        """Shows so many pictures per second."""
        pygame.display.init()
        pygame.display.set_caption('hotlap')
        self._surface = pygame.display.set_mode((WIDTH, HEIGHT))
        self._clock = pygame.time.Clock()
        self._fps = fps

    @property
    def is_open(self) -> bool:
        """Nobody has closed it until now."""
        if pygame.display.get_surface() is self._surface:
            events = pygame.event.get()  # all of them: the queue would fill up
            if any(event.type == pygame.QUIT for event in events):
                pygame.display.quit()
        return pygame.display.get_surface() is self._surface

    def show(self, picture: Picture) -> None:
        """Shows one of shape (480, 640, 3), for the time until the next is due."""
        pygame.surfarray.blit_array(self._surface, picture.swapaxes(0, 1))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """May be called twice."""
        if self.is_open:
            pygame.display.quit()
